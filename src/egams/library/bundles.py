"""`Bundles`: taught bundles within a library, so that one file and its backup hold all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from egams.artifact import remove, written_whole
from egams.errors import ArtifactError
from egams.library.database import damaged, whole
from egams.library.files import StoredFile, content_of, remove_unused
from egams.library.runs import Runs


class Bundles(Runs):
    """The part of a library that is about taught bundles."""

    @property
    def bundles_folder(self) -> Path:
        """Where taught bundles are unpacked to be used, each under its digest."""
        return self.path.with_name(f"{self.path.name}.bundles")

    def bundles(self) -> frozenset[str]:
        """Return the digests of the bundles that the library holds."""
        with self.reading() as db:
            return frozenset(row[0] for row in db.execute("SELECT DISTINCT digest FROM bundles"))

    def keep_bundle(self, digest: str, folder: Path) -> None:
        """Keep a bundle; files that other bundles have too are kept once.

        Parameters
        ----------
        digest
            Of its manifest.
        folder
            Holds it.
        """
        files = {
            path.relative_to(folder).as_posix(): StoredFile.of(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        with self.writing() as db:
            db.execute("DELETE FROM bundles WHERE digest = ?", (digest,))
            for path, file in files.items():
                row = (digest, path, file.store(db))
                db.execute("INSERT INTO bundles (digest, path, file) VALUES (?, ?, ?)", row)

    def unpack_bundle(self, digest: str, folder: Path) -> bool:
        """Write a bundle to a folder, in place of what is there.

        Parameters
        ----------
        digest
            Of its manifest.
        folder
            To write.

        Returns
        -------
        bool
            Whether the library holds it; if not, nothing is written.

        Raises
        ------
        ArtifactError
            If it is damaged.
        """
        with self.reading() as db:
            rows = db.execute(
                f"SELECT *, {whole('bundles')} FROM bundles WHERE digest = ?", (digest,)
            ).fetchall()
            if not all(row["whole_bundles"] and _is_within(row["path"]) for row in rows):
                raise damaged(self.path, f"the bundle {digest}")
            files = {row["path"]: content_of(db, row["file"], self.path) for row in rows}
        if not files:
            return False
        remove(folder)
        with written_whole(folder) as temporary:
            for path, content in files.items():
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                (temporary / path).write_bytes(content)
        return True

    def forget_bundle(self, digest: str) -> None:
        """Remove a bundle, if it is there.

        Parameters
        ----------
        digest
            Of its manifest.
        """
        with self.writing() as db:
            db.execute("DELETE FROM bundles WHERE digest = ?", (digest,))
            remove_unused(db)
        remove(self.bundles_folder / digest)

    def backup(self, path: str | Path) -> Path:
        """Write a copy as `egams.library.database.Database.backup` does, taught bundles included.

        Those that an older egams left beside the library alone are taken into it first.
        """
        for digest, folder in self._beside():
            self.keep_bundle(digest, folder)
        return super().backup(path)

    def _beside(self) -> Iterator[tuple[str, Path]]:
        """Bundles that lie beside the library alone, and are whole: others cannot be used."""
        from egams.ensemble.bundle_files import BundleManifest

        held = self.bundles()
        for manifest in sorted(self.bundles_folder.glob("*/manifest.json")):
            folder = manifest.parent
            if folder.name in held or not folder.name.isalnum():
                continue
            with suppress(ArtifactError):
                found = BundleManifest.load(folder)
                found.refuse_damaged_files(folder)
                if found.digest == folder.name:
                    yield folder.name, folder


def _is_within(path: str) -> bool:
    steps = PurePosixPath(path)
    return not steps.is_absolute() and ".." not in steps.parts and "\\" not in path
