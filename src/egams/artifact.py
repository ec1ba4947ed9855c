"""`Artifact`: what every JSON file of egams shares, and writes that are whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from egams.durable import exchange, sync, sync_names
from egams.errors import ArtifactError, explain
from egams.full_disk import names_full_disk

MANIFEST = "manifest.json"
DIGEST = "sha256"
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Of the parts of artifacts: no unknown keys, finite numbers."""


def _egams_version() -> str:
    from egams import __version__

    return __version__


def header(kind: str, format_version: int) -> dict[str, Any]:
    """Return the fields that open every artifact: kind, format version, package version."""
    return {"kind": kind, "format_version": format_version, "egams_version": _egams_version()}


class Artifact(BaseModel):
    """A JSON file that names its kind, its format, what made it, and a digest of itself.

    Attributes
    ----------
    kind, format_version
        What it is; files of another kind or format are refused.
    file
        Its name in the folder that it describes.
    again
        What to do when it is damaged.
    egams_version
        The egams that made it.
    """

    model_config = STRICT | ConfigDict(frozen=True)

    kind: ClassVar[str]
    format_version: ClassVar[int]
    file: ClassVar[str] = MANIFEST
    again: ClassVar[str] = "Make it again."

    egams_version: str = Field(default_factory=_egams_version)

    @classmethod
    def load(cls, place: Path) -> Self:
        """Read it from its folder, or from the path of the file itself.

        Raises
        ------
        ArtifactError
            If it is not there, damaged, of another kind or format, or does not fit this egams.
        """
        path = place if place.name == cls.file else place / cls.file
        if not path.is_file():
            raise ArtifactError(
                f"{path.parent}: no {cls.file} in it; expected a {cls.kind} made by egams."
            )
        return cls.parse(path.read_bytes(), path)

    @classmethod
    def parse(cls, text: bytes, where: Path | str) -> Self:
        """Read it from bytes; `where` is what errors name. Errors as `load`."""
        try:
            content = read_json(text)
        except (ValueError, RecursionError) as error:
            raise ArtifactError(f"{where}: not readable as JSON ({error}). {cls.again}") from error
        if not isinstance(content, dict):
            name = type(content).__name__
            raise ArtifactError(f"{where}: holds a {name}, not an object. {cls.again}")
        kind, made_by = content.pop("kind", None), content.get("egams_version")
        version = content.pop("format_version", None)
        if kind is None:
            raise ArtifactError(f"{where}: names no kind of artifact. {cls.again}")
        if kind != cls.kind:
            raise ArtifactError(f"{where}: holds a {kind}; expected a {cls.kind}.")
        if version != cls.format_version:
            raise ArtifactError(
                f"{where}: a {kind} of format {version}, made by egams {made_by}; this egams reads "
                f"format {cls.format_version}. {cls.again} Or install egams {made_by}."
            )
        found = content.pop(DIGEST, None)
        if found != digest_of({"kind": kind, "format_version": version} | content):
            raise ArtifactError(f"{where}: is damaged: its content and digest differ. {cls.again}")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ArtifactError(
                f"{where}: a {kind} this egams does not know, made by egams {made_by}: "
                f"{explain(error)} {cls.again} Or install egams {made_by}."
            ) from error

    def content(self) -> dict[str, Any]:
        """As JSON holds it, digest included."""
        return sealed(header(self.kind, self.format_version) | self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return str(self.content()[DIGEST])

    def save(self, place: Path) -> None:
        """Write it into its folder, or to the path of the file itself, whole or not at all."""
        write_json(place if place.name == self.file else place / self.file, self.content())

    def claim(self, folder: Path) -> Self:
        """Write it into a folder; where one is already, see that it describes the same.

        Returns
        -------
        Artifact
            The one in the folder.

        Raises
        ------
        ArtifactError
            If the one in the folder describes something else; and as `load`.
        """
        if not (folder / self.file).is_file():
            self.save(folder)
            return self
        there = self.load(folder)
        self.refuse_other(there, folder)
        return there

    def refuse_other(self, there: Self, where: Path | str) -> None:
        """Refuse to go on with an artifact that describes something else than this one.

        Raises
        ------
        ArtifactError
            If they differ, but for the egams that made them.
        """
        requested, made_with = self.model_dump(mode="json"), there.model_dump(mode="json")
        for name in requested:
            if name != "egams_version" and made_with[name] != requested[name]:
                raise ArtifactError(
                    f"{where}: holds a {self.kind} made with {name} = "
                    f"{json.dumps(made_with[name])}; requested was {name} = "
                    f"{json.dumps(requested[name])}. Request what it was made with to go on with "
                    "it, or choose another folder."
                )


def read_json(data: bytes) -> Any:
    """Read JSON whose whole numbers are those of NumPy.

    Raises
    ------
    ValueError
        If it is none, or has a whole number of more than 64 bits.
    """
    text = data.decode("utf-8")
    return json.loads(text, parse_int=_of_64_bits) if _LONG.search(text) else json.loads(text)


_LONG = re.compile(r"\d{19}")


def _of_64_bits(digits: str) -> int:
    number = int(digits)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"a number of {len(digits)} digits")
    return number


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON in its shortest form, keys sorted."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Add the digest of all other fields, in place of an earlier one."""
    rest = {name: value for name, value in content.items() if name != DIGEST}
    return rest | {DIGEST: digest_of(rest)}


def file_digests(folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of files, by path relative to a folder they are in."""
    digests = {}
    for path in sorted(paths):
        with path.open("rb") as file:
            found = hashlib.file_digest(file, DIGEST)
        digests[path.relative_to(folder).as_posix()] = found.hexdigest()
    return digests


def refuse_damaged(folder: Path, expected: Mapping[str, str], again: str) -> None:
    """Compare files of a folder with their digests: a flipped bit in weights shows nowhere else.

    Raises
    ------
    ArtifactError
        If one is missing or has changed.
    """
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"{path}: is missing. {again}")
        if file_digests(folder, [path])[name] != digest:
            raise ArtifactError(f"{path}: is damaged. {again}")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there when the block ends without error.

    Works for a file and for a folder, which replaces an earlier one of its kind. Where `path` is a
    link to a file, that file is written.

    Raises
    ------
    ArtifactError
        If something else stands at `path`.
    DiskFullError
        If there is no space left on its disk.
    """
    path = path.resolve() if path.is_symlink() else path
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with names_full_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        try:
            yield temporary
            move_over(temporary, path)
        finally:
            remove(temporary)


def move_over(source: Path, target: Path) -> None:
    """Rename a file over `target`, or a folder in place of an earlier artifact of its kind.

    When this returns, both content and name are on the disk; before, the earlier artifact is.

    Raises
    ------
    ArtifactError
        If something else stands at `target`.
    """
    if source.is_dir():
        refuse_to_replace(target, kind_of(source))
    elif target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "no regular file"
        raise ArtifactError(f"{target}: is {what}; expected a file or nothing there.")
    sync(source)
    if not target.is_dir():
        source.replace(target)
    elif exchange(source, target):
        remove(source)
    else:
        retired = target.with_name(f".{target.name}.{os.getpid()}.old")
        remove(retired)
        target.rename(retired)
        source.rename(target)
        remove(retired)
    sync_names(target.parent)


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
            content = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
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
