"""Running the installed command, as tests do."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
EGAMS = Path(sys.executable).with_name("egams")


def egams(*arguments: object, ok: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``egams`` and return what it said; fails where it fails, unless `ok` is False."""
    command = [str(EGAMS), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert not ok or done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


def readme_commands() -> list[list[str]]:
    """Words of each ``egams`` and ``make`` line in the README's bash blocks, comments left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:bash|sh|console)\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines]
    return [line for line in words if line[:1] in (["egams"], ["make"])]
