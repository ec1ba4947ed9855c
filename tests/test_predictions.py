"""Predictions as records, and what they are shown and kept as."""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from egams.ensemble.calls import CALLS
from egams.ensemble.prediction_table import from_table
from egams.ensemble.predictions import Neighbour, Predictions, RunPrediction
from egams.errors import ConfigError, InputError
from egams.evaluate.submission import read_submission
from egams.families import FAMILIES
from egams.io import SkippedRun

SKIPPED = SkippedRun("S9", "S9.csv: holds no abundance at all.")


def predictions(runs: int = 3) -> Predictions:
    rng = np.random.default_rng(0)
    near = (Neighbour("S1", ("basalt",), 0.25), Neighbour("S2", (), 1 / 3))
    return Predictions(
        [
            RunPrediction(
                f"<{number}>",
                "commercial",
                *rng.uniform(size=(3, len(FAMILIES))),
                rng.choice(CALLS, len(FAMILIES)),
                rng.choice(["", "no m/z of CO2 measured (44)"], len(FAMILIES)),
                ("weak <signal>",) if number == 1 else (),
                near if number else (),
                ("a note",),
            )
            for number in range(runs)
        ],
        [SKIPPED],
    )


def test_a_sequence_by_position_run_id_and_slice() -> None:
    made = predictions()
    assert len(made) == 3
    assert made.run_ids == ("<0>", "<1>", "<2>") == tuple(run.run_id for run in made)
    assert made["<1>"] is made[1] is made[-2] is made[1:][0]
    assert made[1:].run_ids == ("<1>", "<2>")
    assert (made.skipped, made[1:].skipped) == ((SKIPPED,), ())
    for name in ("probabilities", "spread", "draw_spread", "calls", "unseen"):
        together = getattr(made, name)
        assert together.shape == (3, len(FAMILIES))
        np.testing.assert_array_equal(together[2], getattr(made[2], name))
        assert getattr(made[:0], name).shape == (0, len(FAMILIES))
    with pytest.raises(InputError, match=r"no run '<11>' among 3.* Did you mean '<1>'"):
        made["<11>"]
    with pytest.raises(IndexError):
        made[3]


def test_tables_hold_all_of_it(tmp_path: Path) -> None:
    made = predictions()
    again = from_table(made.to_arrow())
    assert again.skipped == made.skipped
    for here, there in zip(again, made, strict=True):
        for field in fields(RunPrediction):
            assert np.array_equal(getattr(here, field.name), getattr(there, field.name)), field.name
    made.to_csv(tmp_path / "p.csv")
    run_ids, probabilities = read_submission(tmp_path / "p.csv")
    assert run_ids == made.run_ids
    np.testing.assert_array_equal(probabilities, made.probabilities)


def test_json_keeps_its_layout() -> None:
    told = json.loads(json.dumps(predictions().details(), allow_nan=False))
    assert list(told) == ["runs", "skipped"]
    assert told["skipped"] == [{"run_id": "S9", "reason": SKIPPED.reason}]
    run = told["runs"][1]
    keys = ["sample_id", "instrument", "families", "flags", "nearest", "notes"]
    assert list(run) == keys
    assert list(run["families"]) == list(FAMILIES)
    assert list(run["families"]["basalt"]) == [
        "probability", "spread", "draw_spread", "call", "unseen"
    ]  # fmt: skip
    assert run["nearest"][1] == {"sample_id": "S2", "distance": 0.333, "families": []}


def test_a_data_frame_where_pandas_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = predictions()
    pandas = pytest.importorskip("pandas")
    frame = made.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    np.testing.assert_array_equal(frame[list(FAMILIES)].to_numpy()[:3], made.probabilities)
    assert frame["skipped"].iloc[3] == SKIPPED.reason
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        made.to_pandas()


def test_shown_shortly_and_escaped() -> None:
    text = repr(predictions(25))
    assert text.startswith("Predictions of 25 runs, 1 skipped\n  <0>: ")
    assert text.endswith("and 5 more")
    likeliest = FAMILIES[int(predictions()[1].probabilities.argmax())]
    assert f"<1>: {likeliest} 0." in text
    html = predictions(25)._repr_html_()
    assert html.count("<tr>") == 21
    assert "&lt;1&gt;" in html
    assert "weak &lt;signal&gt;" in html
    assert "<1>" not in html
