"""The files of a bundle: where they stand, and what they were when it was made."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

KIND = "bundle"
FORMAT_VERSION = 3
TRAINING_RUNS = "training-runs"


def member_files(
    bundle: Path, manifest: dict[str, Any], experiment: str, fold: str
) -> dict[str, Path]:
    """Where the files of a member are, by name."""
    place = f"{experiment}/fold-{fold}/"
    own = {path: path for path in manifest["files"]}
    everything = own | manifest["same_as"]
    return {
        path.removeprefix(place): bundle / stands
        for path, stands in everything.items()
        if path.startswith(place)
    }


def file_hashes(bundle: Path) -> dict[str, str]:
    """Hash every file in the folders of a bundle, by path relative to it."""
    files = sorted(path for path in bundle.glob("*/**/*") if path.is_file())
    return {
        path.relative_to(bundle).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
