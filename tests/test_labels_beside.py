"""Labels and metadata beside the data: how they may be written, and what a bad file stops."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from egams.errors import InputError
from egams.families import FAMILIES
from egams.io import open_source
from egams.store.prepare import prepare
from io_samples import RUNS, lay_csvs, lay_labels, lay_metadata
from table_samples import workbook_of


def test_labels_that_nobody_named_stop_only_what_learns_from_labels(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    lay_csvs(runs)
    (runs / "S0003.csv").unlink()
    (runs / "Labels March.csv").write_text("Probe;Datum\nS0001;1\n")
    for place in (runs, [runs, runs / "S0001.csv"]):
        source = open_source(place)
        run = source.load("S0001")
        (note,) = (note for note in run.notes if "labels" in note)
        assert re.match(r"Labels March\.csv: not read as labels: row 1, column 'sample_id'", note)
        assert "take the word 'labels' out of its name; --labels FILE" in note
        assert run.labels is None
        with pytest.raises(InputError, match=r"Labels March\.csv, row 1, column 'sample_id'"):
            prepare(source)
    lay_labels(tmp_path / "mine.csv")
    good = open_source(runs, labels=tmp_path / "mine.csv")
    assert not any("labels" in note for note in good.load("S0001").notes)
    assert not np.isnan(prepare(good).labels).any()


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_labels_and_metadata_as_spreadsheets_write_them(mark: str, tmp_path: Path) -> None:
    lay_csvs(tmp_path / "train_features")
    lay_labels(tmp_path / "train_labels.csv")
    lay_metadata(tmp_path / "metadata.csv", tmp_path / "train_features")
    (tmp_path / "train_features" / "S0004.csv").rename(tmp_path / "train_features" / "Öl 4.csv")
    for name, encoding in (("train_labels.csv", "utf-16"), ("metadata.csv", "latin-1")):
        text = (tmp_path / name).read_text().replace("S0004", "Öl 4").replace(",", mark)
        (tmp_path / name).write_bytes(text.encode(encoding))
    run = open_source(tmp_path).load("Öl 4")
    assert run.instrument == "commercial"
    assert run.labels is not None
    np.testing.assert_array_equal(run.labels, RUNS["S0004"].labels)
    assert run.labels is not None


def test_labels_in_a_workbook(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "runs")
    lay_labels(tmp_path / "labels.csv")
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    table = [line.split(",") for line in lines]
    notes = [["Labels by Huber"], *[["x"] * 20] * 9]
    book = workbook_of(notes, [[], *table[:2], [], *table[2:]])
    (tmp_path / "runs" / "my labels.xlsx").write_bytes(book)
    run = open_source(tmp_path / "runs").load("S0002")
    assert run.labels is not None
    np.testing.assert_array_equal(run.labels, RUNS["S0002"].labels)
    assert run.labels is not None
    table[2][1] = "2"
    (tmp_path / "l.xlsx").write_bytes(workbook_of(table))
    with pytest.raises(
        InputError, match=r"l\.xlsx, row 3, column 'sulfide': run 'S0002' holds '2'"
    ):
        open_source(tmp_path / "runs", labels=tmp_path / "l.xlsx")
    (tmp_path / "l.xlsx").write_bytes(workbook_of(notes))
    with pytest.raises(InputError, match=r"l\.xlsx, sheet 'sheet 1', row 1, column 'sample_id'"):
        open_source(tmp_path / "runs", labels=tmp_path / "l.xlsx")


def test_labels_in_two_files(tmp_path: Path) -> None:
    lay_csvs(tmp_path / "runs")
    for name in ("a_labels.csv", "b_labels.csv"):
        lay_labels(tmp_path / "runs" / name)
    source = open_source(tmp_path / "runs")
    assert any("b_labels.csv: not read as labels" in note for note in source.load("S0001").notes)
    with pytest.raises(InputError, match=r"b_labels.csv.*run 'S0001' is labelled in another"):
        prepare(source)
    chosen = open_source(tmp_path / "runs", labels=tmp_path / "runs" / "a_labels.csv")
    labels = chosen.load("S0001").labels
    assert labels is not None
    assert labels.size == len(FAMILIES)
