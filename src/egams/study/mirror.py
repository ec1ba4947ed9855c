"""A study on this machine and in shared storage, kept alike."""

from __future__ import annotations

import json
from collections.abc import Iterable

from egams.artifact import MANIFEST, read_manifest, refuse_other
from egams.errors import ArtifactError
from egams.study.progress import Member
from egams.study.storage import Storage
from egams.study.study import FORMAT_VERSION, KIND, MEMBER, Study

OURS = ("kind", "format_version", "egams_version")


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
        here = read_manifest(self.study.folder, KIND, FORMAT_VERSION)
        there = self.storage.get_json(MANIFEST)
        described = {key: here[key] for key in here if key in there and key not in OURS}
        refuse_other(self.storage.url, KIND, there, described)
        folds = json.loads(self.study.folds_path.read_text(encoding="utf-8"))["fold"]
        if self.storage.get_json(self.study.folds_path.name).get("fold") != folds:
            raise ArtifactError(
                f"{self.storage.url}: holds a study whose runs are in other folds than those of "
                f"{self.study.folder}. Choose another storage, or a new folder, which takes the "
                "folds from there."
            )

    def sync(self, members: Iterable[Member]) -> None:
        """Bring finished members here, and there, wherever they were trained."""
        for member in members:
            here, there = self.study.is_done(*member), self.storage.exists(_name(member, MEMBER))
            if there and not here:
                self.fetch(member)
            if here and not there:
                folder = self.study.member_folder(*member)
                self.storage.put_folder(folder, _name(member), MEMBER)

    def fetch(self, member: Member) -> None:
        """Bring a finished member here."""
        self.storage.get_folder(_name(member), self.study.member_folder(*member))


def _name(member: Member, file: str = "") -> str:
    experiment, fold = member
    return f"{experiment}/fold-{fold}" + (f"/{file}" if file else "")
