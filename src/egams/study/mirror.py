"""A study on this machine and in shared storage, kept alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from egams.artifact import MANIFEST, Artifact
from egams.errors import ArtifactError
from egams.study.folds import FoldsRecord
from egams.study.progress import Member
from egams.study.records import MEMBER, StudyManifest
from egams.study.storage import Storage
from egams.study.study import Study

T = TypeVar("T", bound=Artifact)


class Mirror:
    """Brings members from storage into the study folder, where every other command reads them.

    Parameters
    ----------
    study
        On this machine.
    storage
        Where nodes put what they train.
    """

    def __init__(self, study: Study, storage: Storage) -> None:
        self.study = study
        self.storage = storage

    def fetch_beginning(self) -> None:
        """Go on with the study in storage, where this machine has none: what it is, its folds."""
        here = self.study.folder / MANIFEST
        if not here.is_file() and self.storage.exists(MANIFEST):
            self.storage.get_file(self.study.folds_path.name, self.study.folds_path)
            self.storage.get_file(MANIFEST, here)

    def put_beginning(self) -> None:
        """Put there what the study is, and its folds.

        Raises
        ------
        ArtifactError
            If the storage holds another study, or other folds.
        """
        if not self.storage.exists(MANIFEST):
            self.storage.put_file(self.study.folds_path, self.study.folds_path.name)
            self.storage.put_file(self.study.folder / MANIFEST, MANIFEST)
            return
        there = self._there(StudyManifest)
        self.study.manifest.refuse_other(there, self.storage.url)
        if self._there(FoldsRecord).fold != FoldsRecord.load(self.study.folds_path).fold:
            raise ArtifactError(
                f"{self.storage.url}: holds a study whose runs are in other folds than those of "
                f"{self.study.folder}. Choose another storage, or a new folder, which takes the "
                "folds from there."
            )

    def _there(self, kind: type[T]) -> T:
        return kind.parse(self.storage.read(kind.file), f"{self.storage.url}/{kind.file}")

    def sync(self, members: Iterable[Member]) -> None:
        """Bring finished members here, and there, wherever they were trained."""
        for member in members:
            name = member_name(member)
            here, there = self.study.is_done(*member), self.storage.exists(f"{name}/{MEMBER}")
            if there and not here:
                self.fetch(member)
            if here and not there:
                self.storage.put_folder(self.study.member_folder(*member), name, MEMBER)

    def fetch(self, member: Member) -> None:
        """Bring a finished member here."""
        self.storage.get_folder(member_name(member), self.study.member_folder(*member))


def member_name(member: Member) -> str:
    """Name in storage of the folder of a member."""
    return "{}/fold-{}".format(*member)
