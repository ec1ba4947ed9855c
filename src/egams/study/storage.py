"""A folder that every node can reach, named by a URL."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from egams.artifact import written_whole
from egams.errors import ArtifactError, ConfigError

UNFINISHED = ".tmp"


class Storage:
    """Files and folders under a URL: ``s3://bucket/study``, ``file:///mnt/shared/study``, ...

    Anything that fsspec knows. Names are relative to the URL, with ``/`` between parts. A file is
    put under another name and renamed, so that it is whole or not there.

    Raises
    ------
    ConfigError
        If fsspec does not know such URLs, or lacks a package for them.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self.url = url
        try:
            self._files, root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"storage '{url}' cannot be used ({error}); expected a URL such as "
                "s3://bucket/folder, whose package is installed (s3fs for s3), or a folder."
            ) from error
        self._root = root.rstrip("/")

    @property
    def within_one_process(self) -> bool:
        """Whether no other process sees what is put there."""
        return "memory" in self._files.protocol  # one name, or a tuple of several

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        self._files.invalidate_cache()
        return bool(self._files.isfile(self._at(name)))

    def names(self, pattern: str) -> list[str]:
        """Names of the files that a pattern fits, such as ``*/fold-*/member.json``, sorted."""
        self._files.invalidate_cache()
        found = self._files.glob(self._at(pattern))
        return sorted(path[len(self._root) :].lstrip("/") for path in found)

    def put_file(self, file: Path, name: str) -> None:
        """Copy a file there, whole or not at all."""
        with self._written_whole(name) as temporary:
            self._files.put_file(str(file), temporary)

    def put_folder(self, folder: Path, name: str, last: str) -> None:
        """Copy the files of a folder there, and `last` after all others.

        So who finds `last` finds a whole folder.
        """
        files = [path.name for path in sorted(folder.iterdir()) if path.name != last]
        for file in [*files, last]:
            self.put_file(folder / file, f"{name}/{file}")

    def get_file(self, name: str, file: Path) -> None:
        """Copy a file here, whole or not at all.

        Raises
        ------
        ArtifactError
            If it is not there.
        """
        try:
            with written_whole(file) as temporary:
                self._files.get_file(self._at(name), str(temporary))
        except FileNotFoundError as error:
            raise ArtifactError(f"{self.url}: no '{name}' in it.") from error

    def get_folder(self, name: str, folder: Path) -> None:
        """Copy the files of a folder here, whole or not at all."""
        with written_whole(folder) as temporary:
            temporary.mkdir()
            for path in self.names(f"{name}/*"):
                if not path.endswith(UNFINISHED):
                    self.get_file(path, temporary / path.rpartition("/")[2])

    def put_json(self, content: Any, name: str) -> None:
        """Write JSON there, whole or not at all."""
        with self._written_whole(name) as temporary:
            self._files.pipe_file(temporary, json.dumps(content, indent=1, sort_keys=True).encode())

    def read(self, name: str) -> bytes:
        """Read a file."""
        return bytes(self._files.cat_file(self._at(name)))

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        if self.exists(name):
            self._files.rm_file(self._at(name))

    @contextmanager
    def _written_whole(self, name: str) -> Iterator[str]:
        target = self._at(name)
        temporary = f"{target}.{uuid.uuid4().hex[:8]}{UNFINISHED}"
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        yield temporary
        self._files.mv(temporary, target)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"
