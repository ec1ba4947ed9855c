"""A laboratory's library: what is kept, found again and never lost."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command_line import egams
from egams.ensemble.bundle import load_bundle
from egams.errors import ArtifactError, InputError
from egams.families import FAMILIES
from egams.io import read as read_runs
from egams.io import write_csv
from egams.io.run_rows import read_labels
from egams.library import schema
from egams.library.library import Library
from egams.library.records import LostWorkError, TooMuchWorkError, Work
from egams.simulate.runs import simulate_runs
from library_samples import BUNDLE, found, prediction


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "lab.db") as opened:
        yield opened


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    paths = []
    for run in simulate_runs(3, np.random.default_rng(4)):
        paths.append(folder / f"{run.run_id}.csv")
        write_csv(run, paths[-1])
    return paths


def read(library: Library, path: Path, name: str = "", **calls: str) -> Work:
    """Do what a worker does with a file of one run."""
    library.submit("read", name or path.name, {}, path)
    work = library.claim("worker", ["read"])
    assert work is not None
    opened = library.opened(work)
    for run_id in opened.ids:
        library.keep_runs(work, [found(run_id, **calls)], 1, 1)
    return library.finish(work, {})


def test_a_file_becomes_a_run_that_is_read_as_it_was(library: Library, files: list[Path]) -> None:
    work = read(library, files[0], sulfate="present")
    assert (work.state, work.done, work.total, len(work.runs)) == ("done", 1, 1, 1)
    stored = library.run(work.runs[0])
    assert stored.name == files[0].stem
    assert stored.prediction == prediction(files[0].stem, sulfate="present")
    (straight,) = read_runs(files[0])
    again = library.load(stored.id)
    np.testing.assert_array_equal(again.abundance, straight.abundance)
    assert again.run_id == straight.run_id


def test_the_same_file_is_one_run_and_another_of_its_name_has_a_number(
    library: Library, files: list[Path]
) -> None:
    first = read(library, files[0])
    assert read(library, files[0]).runs == first.runs
    other = read(library, files[1], name=files[0].name)
    assert library.run(other.runs[0]).name == f"{files[0].stem} (2)"
    assert library.load(other.runs[0]).run_id == f"{files[0].stem} (2)"


def test_what_a_dead_worker_left_is_claimed_again_and_it_cannot_write_any_more(
    library: Library, files: list[Path]
) -> None:
    library.submit("read", files[0].name, {}, files[0])
    assert library.claim("worker", ["teach"]) is None
    dead = library.claim("worker", ["read"], lease_s=0.0)
    assert dead is not None
    alive = library.claim("worker", ["read"])
    assert alive is not None
    assert alive.id == dead.id
    assert library.claim("worker", ["read"]) is None
    for write in (
        lambda: library.keep_runs(dead, [found("x")], 1, 1),
        lambda: library.finish(dead),
        lambda: library.renew(dead),
    ):
        with pytest.raises(LostWorkError):
            write()
    assert library.runs() == ([], 0)
    library.renew(alive)
    library.finish(alive)


def test_work_that_ends_every_worker_is_refused(library: Library) -> None:
    library.submit("teach", "teach", {})
    for _ in range(5):
        assert library.claim("worker", ["teach"], lease_s=0.0) is not None
    assert library.claim("worker", ["teach"], lease_s=0.0) is None
    (work,) = library.works(["refused"])
    assert "5 times" in work.reason


def test_work_that_asks_is_done_with_what_a_person_states(
    library: Library, files: list[Path]
) -> None:
    library.submit("read", "a.csv", {}, files[0])
    work = library.claim("worker", ["read"])
    assert work is not None
    library.keep_runs(work, [], 0, 1, skipped={"a": "no temperature"})
    asked = library.refuse(work, "which temperature?", asking=True, result={"error": {}})
    assert (asked.state, asked.skipped[0].reason) == ("asking", "no temperature")
    library.again(work.id, {"reading": {"ramp": 35, "start": 20}})
    again = library.claim("worker", ["read"])
    assert again is not None
    assert again.skipped == ()
    opened = library.opened(again)
    assert any("ramp of 35" in note for note in opened.load("a").notes)
    with pytest.raises(InputError, match="Did you mean 'ramp'"):
        library.again(work.id, {"reading": {"rampe": 35}})
    with pytest.raises(InputError, match="columns"):
        library.again(work.id, {"reading": {"columns": "/etc/egams.yaml"}})
    with pytest.raises(InputError, match="no file"):
        library.again(work.id, {"reading": {"temperature": "0" * 64}})


def test_no_more_work_than_allowed(library: Library) -> None:
    library.submit("teach", "teach", {}, most_open=1)
    with pytest.raises(TooMuchWorkError):
        library.submit("teach", "teach", {}, most_open=1)


def test_runs_are_found_filtered_and_ordered(library: Library, files: list[Path]) -> None:
    a = read(library, files[0], sulfate="present").runs[0]
    b = read(library, files[1], sulfate="uncertain").runs[0]
    c = read(library, files[2]).runs[0]
    library.set_remark(b, "100 % Gips_1 vom MONTAG")
    library.confirm(c, [1, *[0] * 9])

    def ids(**query: Any) -> list[int]:
        return [run.id for run in library.runs(**query)[0]]

    assert ids() == [a, b, c]
    assert ids(descending=True, limit=2) == [c, b]
    assert ids(limit=1, offset=1) == [b]
    assert ids(search="gips_1 montag") == ids(search="%") == ids(search="_1 v") == [b]
    assert ids(search="100%") == []
    assert ids(call=("sulfate", "present")) == ids(call=("", "present")) == [a]
    assert ids(call=("", "uncertain")) == [b]
    assert ids(among=[c, 999, a], descending=True) == [c, a]
    assert ids(name=files[1].stem) == [b]
    assert ids(name=files[1].stem[:-1]) == []
    assert ids(sort="sulfate", descending=True) == [a, b, c]
    assert ids(flagged=True) == [a, b]
    assert ids(labelled=True) == [c]
    assert library.runs(limit=1)[1] == 3
    with pytest.raises(InputError, match="Did you mean 'sulfate'"):
        library.runs(sort="sulfat")


def test_the_prediction_of_another_bundle_counts_only_where_there_is_none_of_this(
    library: Library, files: list[Path]
) -> None:
    id = read(library, files[0], sulfate="present").runs[0]
    newer = "b" * 64
    library.keep_answer(id, newer, "prediction", prediction("x", sulfate="absent"))
    library.keep_answer(id, newer, "explanation", {"windows": [1, 2]})
    assert library.run(id).bundle == newer
    assert library.run(id, BUNDLE).bundle == BUNDLE
    assert library.run(id, "c" * 64).bundle == newer
    assert library.answer(id, newer, "explanation") == {"windows": [1, 2]}
    assert library.answer(id, BUNDLE, "explanation") is None
    assert [answer["kind"] for answer in library.answers(id)][-1] == "prediction"


def test_labels_make_a_source_that_other_processes_can_read(
    library: Library, files: list[Path]
) -> None:
    a, b = (read(library, path).runs[0] for path in files[:2])
    with pytest.raises(InputError, match="no runs whose labels"):
        library.source(labelled=True)
    library.confirm(a, dict.fromkeys(FAMILIES, 0) | {"sulfate": 1})
    source = pickle.loads(pickle.dumps(library.source(labelled=True)))
    (name,) = source.ids
    run = source.load(name)
    assert run.labels is not None
    assert run.labels[FAMILIES.index("sulfate")] == 1
    before = source.fingerprint(name)
    library.confirm(a, dict.fromkeys(FAMILIES, 0))
    assert library.source(labelled=True).fingerprint(name) != before
    assert library.source([b]).ids == (files[1].stem,)
    with pytest.raises(InputError, match="0 or 1"):
        library.confirm(a, [2] * 10)


def test_what_is_removed_is_gone_with_its_files(library: Library, files: list[Path]) -> None:
    work = read(library, files[0])
    stored = library.run(work.runs[0])
    with pytest.raises(InputError, match="no run 999"):
        library.remove([stored.id, 999])
    assert library.run(stored.id)
    library.remove([stored.id, stored.id])
    with pytest.raises(InputError, match="no run"):
        library.run(stored.id)
    with pytest.raises(ArtifactError, match="no file"):
        library.content(stored.file)
    assert library.works() == []


def test_settings_and_the_revision(library: Library) -> None:
    before = library.revision
    library.set_setting("bundle", {"work": 3})
    assert library.setting("bundle") == {"work": 3}
    assert library.setting("other") is None
    assert library.revision == before + 1


def test_a_newer_library_and_another_file_are_refused(tmp_path: Path) -> None:
    import sqlite3

    with Library.open(tmp_path / "lab.db"):
        pass
    with sqlite3.connect(tmp_path / "lab.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ArtifactError, match="version 99"):
        Library.open(tmp_path / "lab.db")
    (tmp_path / "text.db").write_text("time,temp\n" * 1000)
    with pytest.raises(ArtifactError, match="no library"):
        Library.open(tmp_path / "text.db")


NEXT = (
    "ALTER TABLE runs ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'",
    "UPDATE runs SET colour = 'red' WHERE remark = 'red'",
)
"""What a later version may do to a library."""


def test_an_older_library_is_migrated_whole_or_not_at_all_after_a_backup(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, known = tmp_path / "lab.db", schema.MIGRATIONS
    with Library.open(path) as library:
        library.set_remark(read(library, files[0]).runs[0], "red")
        before = library.runs()
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, (*NEXT, "no SQL")))
    with pytest.raises(ArtifactError, match="no"):
        Library.open(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, NEXT))
    with Library.open(path) as library, library.reading() as db:
        assert [row["colour"] for row in db.execute("SELECT colour FROM runs")] == ["red"]
        assert library.runs() == before
        library.set_remark(before[0][0].id, "written as before")
    monkeypatch.setattr(schema, "MIGRATIONS", known)
    with pytest.raises(ArtifactError, match="version 3; this egams knows versions up to 2"):
        Library.open(path)
    with Library.open(tmp_path / f"lab.db.before-{len(known) + 1}") as kept:
        assert kept.runs() == before


@pytest.mark.parametrize(
    "name",
    [
        *('"', "'; DROP TABLE runs; --", "a\nb", "a\x00b", "🧪 probe", "../../etc/passwd.csv"),
        *("%", "_", "", ".", "con", "é" * 300, "\ud800", "=1+1", "<b>x</b>", "monday/S1"),
    ],
)
def test_any_name_is_kept_found_and_read(library: Library, files: list[Path], name: str) -> None:
    work = read(library, files[0], name=f"{name}.csv")
    other = read(library, files[1], name="other.txt")
    library.set_remark(other.runs[0], name)
    stored = library.run(work.runs[0])
    assert "\n" not in stored.name
    assert "\x00" not in stored.name
    assert library.load(stored.id).run_id == stored.name
    assert [run.id for run in library.runs(search=stored.name)[0]][:1] == [stored.id]
    for run in (stored.id, other.runs[0]):
        assert library.run(run).remark in ("", name.encode("utf-8", "replace").decode())
    target = library.path.with_name("export.zip")
    library.export(target)
    from egams.io import open_source

    exported = open_source(target)
    assert len(exported.ids) == 2
    for run_id in exported.ids:
        assert exported.load(run_id).abundance.size


def test_the_command_line_lists_verifies_and_takes_out(
    tmp_path: Path, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lab.db"
    monkeypatch.setenv("EGAMS_LIBRARY", str(path))
    assert "egams serve makes one" in egams("library", "list", ok=False).stderr
    assert not path.exists()
    with Library.open(path) as library:
        a, b = (read(library, file, sulfate="present").runs[0] for file in files[:2])
        library.confirm(a, [0] * 8 + [1, 0])
        library.set_remark(b, "from the quarry")
    listed = egams("library", "list", "QUARRY").stdout
    assert str(path) in listed
    assert f"{files[1].stem}; present sulfate; far from" in listed
    assert "1 runs" in listed
    assert "a whole library" in egams("verify", path).stdout
    for command, name in (("labels", "labels.csv"), ("export", "l.zip"), ("backup", "b.db")):
        egams("library", command, "-o", tmp_path / name)
        again = egams("library", command, "-o", tmp_path / name, ok=False)
        assert "--force" in again.stderr
    assert read_labels(tmp_path / "labels.csv")[0] == (files[0].stem,)
    with Library.open(tmp_path / "b.db") as copy:
        assert copy.runs()[1] == 2
    with zipfile.ZipFile(tmp_path / "l.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    runs = {run.run_id: run for run in read_runs(tmp_path / "unpacked")}
    assert runs[files[0].stem].labels is not None
    assert runs[files[1].stem].labels is None
    content = json.loads((tmp_path / "unpacked" / "library.json").read_text())["runs"]
    assert [run["remark"] for run in content] == ["", "from the quarry"]
    assert content[0]["answers"][0]["content"]["families"]["sulfate"]["call"] == "present"
    original = tmp_path / "unpacked" / "files" / content[0]["file"]
    assert original.read_bytes() == files[0].read_bytes()


def test_confirmed_runs_are_taught_from_the_library(tmp_path: Path, files: list[Path]) -> None:
    path, bundle, names = tmp_path / "lab.db", tmp_path / "lab.bundle", ("lab-a", "lab-b", "lab-c")
    with Library.open(path) as library:
        for file, name in zip(files, names, strict=True):
            work = read(library, file, name=f"{name}.csv")
            library.confirm(work.runs[0], [0] * 8 + [1, 0])
    said = egams("teach", "--library", path, "-o", bundle).stdout
    assert "3 runs taught" in said
    assert load_bundle(bundle).training_runs.run_ids[-3:] == names
    refused = egams("teach", files[0], "--library", path, "-o", bundle, ok=False)
    assert "leave out one" in refused.stderr
