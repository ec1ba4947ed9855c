"""What every artifact shares: a header that says what made it, and writes that are whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egams.errors import ArtifactError

MANIFEST = "manifest.json"


def header(kind: str, format_version: int) -> dict[str, Any]:
    """Return the fields that open every manifest: kind, format version, package version."""
    from egams import __version__

    return {"kind": kind, "format_version": format_version, "egams_version": __version__}


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there when the block ends without error.

    Works for a file and for a folder, which replaces an earlier one of its kind.

    Raises
    ------
    ArtifactError
        If something else stands at `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    remove(temporary)
    try:
        yield temporary
        move_over(temporary, path)
    finally:
        remove(temporary)


def move_over(source: Path, target: Path) -> None:
    """Rename a file over `target`, or a folder in place of an earlier artifact of its kind.

    Raises
    ------
    ArtifactError
        If something else stands at `target`.
    """
    if source.is_dir():
        refuse_to_replace(target, kind_of(source))
    elif target.is_dir():
        raise ArtifactError(f"{target}: is a folder; expected a file or nothing there.")
    if target.is_dir():
        retired = target.with_name(f".{target.name}.{os.getpid()}.old")
        remove(retired)
        target.rename(retired)
        source.rename(target)
        remove(retired)
    else:
        source.replace(target)


def refuse_to_replace(target: Path, kind: str | None) -> None:
    """Let a new folder stand at `target` only if nothing but its own predecessor would go.

    Raises
    ------
    ArtifactError
        If there is a file, or a folder with anything in it but an artifact of this kind.
    """
    if target.is_dir():
        found = kind_of(target)
        if any(target.iterdir()) and (found is None or found != kind):
            what = "files that egams did not make" if found is None else f"a {found}"
            raise ArtifactError(
                f"{target}: holds {what}; expected nothing there, an empty folder or an earlier "
                f"{kind}. Choose another name, or remove it yourself."
            )
    elif target.exists():
        raise ArtifactError(f"{target}: is a file; expected a folder or nothing there.")


def kind_of(folder: Path) -> str | None:
    """Return the kind that the header in a folder names; None where egams wrote none."""
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError):
            continue
        if isinstance(content, dict) and "egams_version" in content:
            return str(content.get("kind"))
    return None


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_unfinished(path: Path) -> None:
    """Remove what processes left that were killed while they wrote `path`.

    For when nobody writes it any more: `egams.lock.alone_in` sees to that.
    """
    for left_over in path.parent.glob(f".{path.name}.*.tmp"):
        remove(left_over)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON whole or not at all."""
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def refuse_other(
    where: str | Path, kind: str, there: Mapping[str, Any], requested: Mapping[str, Any]
) -> None:
    """Refuse to go on with an artifact that was made otherwise than is requested now.

    Raises
    ------
    ArtifactError
        If `there` and `requested` differ in what is requested.
    """
    for name, value in requested.items():
        if there.get(name) != value:
            raise ArtifactError(
                f"{where}: holds a {kind} made with {name} = {json.dumps(there.get(name))}; "
                f"requested was {name} = {json.dumps(value)}. Request what it was made with to go "
                "on with it, or choose another folder."
            )


def read_manifest(folder: Path, kind: str, format_version: int) -> dict[str, Any]:
    """Read a folder's manifest and check that this version of egams understands it.

    Raises
    ------
    ArtifactError
        If there is no manifest, it is no JSON, or it is of another kind or format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtifactError(f"{folder}: no {MANIFEST} in it; expected a {kind} made by egams.")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArtifactError(
            f"{path}: not readable as JSON ({error}). Make the {kind} again."
        ) from error
    if not isinstance(manifest, dict) or "kind" not in manifest:
        raise ArtifactError(f"{path}: names no kind of artifact. Make the {kind} again.")
    if manifest["kind"] != kind:
        raise ArtifactError(f"{folder}: holds a {manifest.get('kind')}; expected a {kind}.")
    if manifest.get("format_version") != format_version:
        raise ArtifactError(
            f"{folder}: a {kind} of format {manifest.get('format_version')}, made by egams "
            f"{manifest.get('egams_version')}; this egams reads format {format_version}. "
            f"Make it again, or install that version."
        )
    return manifest
