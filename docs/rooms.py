"""The rooms of `src/egams`, as its imports have them: draws the picture in CONTRIBUTING.md.

python docs/rooms.py
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "egams"
PAGE = ROOT / "CONTRIBUTING.md"
GROUND = "the ground"
ORDER = (
    *(GROUND, "simulate", "io", "preprocess", "store", "spectrogram", "models", "experiments"),
    *("jobs", "ensemble", "explain", "study", "training", "onboard", "evaluate", "report"),
    *("library", "web", "cli"),
)
"""A room imports from rooms to its left, never to its right."""
FRONT_DOOR = {"__init__.py", "__main__.py"}
PICTURE = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- /rooms -->)", re.DOTALL)


def room_of(module: str) -> str:
    """Name the room of a module such as ``egams.store.codec``; a file of the ground is no room."""
    parts = module.split(".")
    is_room = len(parts) > 1 and (PACKAGE / parts[1]).is_dir()
    return parts[1] if is_room else GROUND


def imports() -> dict[tuple[str, str], list[str]]:
    """Which room imports which, and in which files: ``(importer, imported) -> files``."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside.name in FRONT_DOOR and len(inside.parts) == 1:
            continue
        own = inside.parts[0] if len(inside.parts) > 1 else GROUND
        for module in sorted(_imported(path)):
            pair = own, room_of(module)
            if pair[0] != pair[1]:
                found.setdefault(pair, []).append(f"{inside.as_posix()} imports {module}")
    return found


def _imported(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("egams."):
            modules.add(str(node.module))
        elif isinstance(node, ast.ImportFrom) and node.module == "egams":
            modules |= {f"egams.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names if alias.name.startswith("egams")}
    return {module for module in modules if module != "egams.__version__"}


def picture() -> str:
    """Draw a row a room: dots under the rooms it imports, a square under itself."""
    found = imports()
    width = max(map(len, ORDER))
    head = [" " * (width + 8) + "  ".join(f"{column:2}" for column in range(1, len(ORDER) + 1))]
    rows = []
    for number, room in enumerate(ORDER, 1):
        cells = [
            "■" if room == other else "·" if (room, other) in found else " " for other in ORDER
        ]
        line = "   ".join(cells)
        rows.append(f"    {number:2} {room:{width}} {line}".rstrip())
    return "\n".join(["", *(line.rstrip() for line in head), *rows, "", ""])


def main() -> None:
    """Bring the picture in CONTRIBUTING.md up to date."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(PICTURE.sub(lambda _: picture(), text), encoding="utf-8")


if __name__ == "__main__":
    main()
