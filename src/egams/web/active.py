"""`ActiveBundle`: the bundle that the workbench predicts with, loaded once, and changed whole."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egams.ensemble.bundle import Bundle, load_bundle
from egams.errors import ArtifactError, ConfigError, EgamsError
from egams.library.library import Library

SETTING = "bundle"
"""Of the library: digest of the taught bundle in use; empty for the shipped one."""


class LostBundleError(EgamsError):
    """A taught bundle that the library names and does not hold whole."""


@dataclass(frozen=True)
class Loaded:
    """A bundle that is ready.

    Parameters
    ----------
    bundle
        What predicts.
    path
        Its folder; None for the one that egams ships.
    problem
        Why it stands in for another one.
    """

    bundle: Bundle
    path: Path | None
    problem: str | None = None

    @property
    def digest(self) -> str:
        """Of its manifest, and so of all of it."""
        return str(self.bundle.manifest["sha256"])

    def details(self) -> dict[str, Any]:
        """As JSON holds it."""
        manifest = self.bundle.manifest
        return {
            "digest": self.digest,
            "runs": len(self.bundle.training_runs.run_ids),
            "taught": manifest.get("taught", 0),
            "path": None if self.path is None else str(self.path),
            "shipped": self.path is None,
            "score": {"what": manifest["score"], **manifest["scores"]},
            "problem": self.problem,
            "ready": True,
        }


class ActiveBundle:
    """The bundle in use.

    Parameters
    ----------
    library
        Whose setting names it, and that holds taught bundles.
    given
        Folder of one that was named at the start; it goes before the setting.
    """

    def __init__(self, library: Library, given: Path | None = None) -> None:
        self._library = library
        self.given = given
        self._lock = threading.Lock()
        self._loaded: Loaded | None = None

    @property
    def folder(self) -> Path:
        """Where taught bundles of the library are unpacked."""
        return self._library.bundles_folder

    def get(self) -> Loaded:
        """Return the bundle in use, and load it where nobody has."""
        with self._lock:
            if self._loaded is None:
                if self.given is not None:
                    self._loaded = Loaded(load_bundle(self.given), self.given)
                    return self._loaded
                digest = self._library.setting(SETTING)
                try:
                    self._loaded = self._load(digest)
                except LostBundleError as error:
                    problem = f"{error} The bundle that comes with egams answers instead."
                    self._loaded = Loaded(load_bundle(), None, problem)
            return self._loaded

    def _load(self, digest: object) -> Loaded:
        """Load a taught bundle, unpacked anew where its folder is gone or damaged."""
        path = self.taught(digest)
        if path is None:
            return Loaded(load_bundle(), None)
        named = f"The taught bundle {str(digest)[:12]}"
        try:
            return Loaded(load_bundle(path), path)
        except ArtifactError as error:
            was_there = path.exists()
            try:
                if self._library.unpack_bundle(str(digest), path):
                    return Loaded(load_bundle(path), path)
            except ArtifactError as in_library:
                raise LostBundleError(f"{named} is damaged.") from in_library
            what = "is damaged" if was_there else "is not in this library"
            raise LostBundleError(f"{named} {what}.") from error

    @property
    def digest(self) -> str | None:
        """Of the bundle in use; None while it is loaded."""
        return None if self._loaded is None else self._loaded.digest

    def details(self) -> dict[str, Any]:
        """As JSON holds it; not ready while it is loaded."""
        loaded = self._loaded
        if loaded is not None:
            return loaded.details()
        names = ("digest", "runs", "taught", "path", "shipped", "score", "problem")
        return dict.fromkeys(names) | {"ready": False}

    def use(self, digest: str | None) -> Loaded:
        """Use a taught bundle of the library from now on.

        Parameters
        ----------
        digest
            Of the bundle; None for the one that egams ships.

        Raises
        ------
        LostBundleError
            If it is not there, or damaged.
        """
        loaded = self._load(digest)
        with self._lock:
            self._library.set_setting(SETTING, digest or "")
            self._loaded = loaded
        return loaded

    def taught(self, digest: object) -> Path | None:
        """Return the folder of a taught bundle; None where none is named.

        Parameters
        ----------
        digest
            Of the bundle.
        """
        if not digest:
            return None
        text = str(digest)
        if not (text.isascii() and text.isalnum()):
            raise ConfigError(f"'{text[:80]}' is no digest of a bundle.")
        return self.folder / text
