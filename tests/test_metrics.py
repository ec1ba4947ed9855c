"""Metrics against scikit-learn, bootstrap intervals, tables and the challenge's CSV files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from command_line import egams
from egams.ensemble.out_of_fold import OutOfFoldPredictions
from egams.errors import InputError
from egams.evaluate import metrics
from egams.evaluate.bootstrap import interval
from egams.evaluate.submission import evaluate_files
from egams.evaluate.table import Table
from egams.evaluate.tables import clip_table, experiment_table, score_table, tta_table
from egams.families import FAMILIES
from egams.io.run_rows import read_labels, read_submission, write_submission
from egams.logloss import mean_log_loss, run_losses


def study(runs: int, seed: int = 0, families: int = 10, levels: int | None = None):
    """Labels with both classes in every family, and probabilities that know something of them."""
    rng = np.random.default_rng(seed)
    y = (rng.random((runs, families)) < 0.3).astype(np.float32)
    y[0], y[1] = 0, 1
    p = 1 / (1 + np.exp(-(2 * y - 1 + 1.5 * rng.standard_normal(y.shape))))
    return y, np.round(p * levels) / levels if levels else p


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("levels", [None, 5, 1])
@pytest.mark.parametrize("seed", range(4))
def test_metrics_agree_with_scikit_learn(seed, levels):
    from sklearn import metrics as reference

    y, p = study(60, seed, levels=levels)
    for ours, theirs in (
        (metrics.average_precision, reference.average_precision_score),
        (metrics.roc_auc, reference.roc_auc_score),
    ):
        want = [theirs(y[:, family], p[:, family]) for family in range(10)]
        np.testing.assert_allclose(ours(y, p), want, rtol=1e-10)
    want = [reference.log_loss(a, b, labels=[0, 1]) for a, b in zip(y, p, strict=True)]
    # A certain wrong answer costs 34.5 here and 36.0 there: the smallest p differs.
    np.testing.assert_allclose(run_losses(y, p), want, rtol=0.05 if levels else 1e-10, atol=1e-12)


def test_a_certain_wrong_answer_costs_what_eps_says():
    assert mean_log_loss([[1]], [[0.0]]) == pytest.approx(-np.log(1e-15))
    assert mean_log_loss([[1]], np.float32([[1.0]])) == 0


def test_one_class_only_is_nan_and_left_out_of_the_mean():
    y, p = study(30)
    y[:, 3], y[:, 4] = 0, 1
    for metric in (metrics.roc_auc, metrics.average_precision):
        each = metric(y, p)
        assert np.isnan(each).nonzero()[0].tolist() == [3, 4]
        assert metrics.mean_defined(each) == pytest.approx(np.nanmean(each))
        assert np.isnan(metrics.mean_defined(each[3:5]))


def test_calibration_error_by_hand():
    y = np.array([[1, 0], [0, 1]])
    p = np.array([[0.95, 0.02], [0.95, 1.0]])  # bins 14, 0 / 14, 14
    gap = abs(2 - (0.95 + 0.95 + 1.0)) + 0.02
    assert metrics.calibration_error(y, p) == pytest.approx(gap / 4)


METRICS = [mean_log_loss, metrics.average_precision, metrics.roc_auc, metrics.calibration_error]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 40), st.sampled_from([None, 3]))
@pytest.mark.parametrize("metric", METRICS)
def test_order_of_runs_and_copies_of_all_change_nothing(metric, seed, runs, levels):
    y, p = study(runs, seed, families=3, levels=levels)
    order = np.random.default_rng(seed).permutation(np.repeat(np.arange(runs), 3))
    np.testing.assert_allclose(metric(y[order], p[order]), metric(y, p), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([[0.5]], [[0.5]]),
        ([[1]], [[np.nan]]),
        ([[1]], [[1.2]]),
        ([[1], [0]], [[0.5]]),
        (np.empty((0, 10)), np.empty((0, 10))),
    ],
)
def test_metrics_refuse_what_cannot_be_scored(metric, y, p):
    with pytest.raises(InputError):
        metric(y, p)


def test_interval_holds_the_estimate_and_shrinks_with_more_runs():
    widths = []
    for runs in (60, 240, 960):
        y, p = study(runs)
        losses = run_losses(y, p)
        found = interval(losses, np.random.default_rng(1))
        assert found.low < found.estimate < found.high
        assert found.estimate == pytest.approx(mean_log_loss(y, p))
        widths.append(found.high - found.low)
    assert widths[0] > 1.4 * widths[1] > 2 * widths[2]
    # The spread of a mean is known: the interval must be the textbook's.
    assert widths[2] == pytest.approx(2 * 1.96 * losses.std() / np.sqrt(960), rel=0.1)


def test_a_paired_difference_shows_what_two_intervals_hide():
    y, p = study(300)
    losses = [run_losses(y, q) for q in (p, np.clip(0.99 * p + 0.01 * (1 - y), 0, 1))]
    rng = np.random.default_rng(0)
    gap = interval(losses[1] - losses[0], rng)
    assert 0 < gap.low < gap.estimate < gap.high
    alone = [interval(loss, rng) for loss in losses]
    assert alone[0].high > alone[1].low
    same = interval(losses[0] - losses[0], rng)
    assert (same.estimate, same.low, same.high) == (0, 0, 0)


def test_tables_say_what_was_chosen_where_and_survive_parquet(tmp_path):
    from pyarrow import parquet

    y, p = study(90)
    of = np.array(["sam_testbed"] * 9 + ["commercial"] * 81)
    folds = np.arange(90) % 3
    rng = np.random.default_rng(0)
    draws = np.clip(p + 0.2 * rng.standard_normal((3, 4, *p.shape)), 0, 1).astype(np.float32)
    runs = tuple(f"S{number}" for number in range(90))
    scored = OutOfFoldPredictions(("a", "b", "c"), runs, of, folds, y, draws)
    tables = {
        "score": score_table(y, p, of, rng),
        "experiment": experiment_table(y, {"b": p, "a": draws[0, 0]}, of, rng),
        "tta": tta_table(scored),
        "clip": clip_table(y, p, of, folds),
    }
    assert [row[0] for row in tables["score"].rows] == [
        *("all runs", "commercial", "sam_testbed"),
        *FAMILIES,
    ]
    assert tables["score"].rows[0][1] == pytest.approx(mean_log_loss(y, p))
    assert tables["experiment"].column("experiment") == ("b", "a")
    assert tables["tta"].column("draws") == (1, 2, 4)
    assert tables["tta"].column("groups") == (4, 2, 1)
    full = mean_log_loss(y, draws.mean(axis=(0, 1), dtype=np.float64))
    assert tables["tta"].rows[-1][3] == pytest.approx(full)
    alone = [mean_log_loss(y, one) for one in draws.mean(axis=0, dtype=np.float64)]
    assert tables["tta"].rows[0][3] == pytest.approx(np.mean(alone))
    for name in ("tta", "clip"):
        assert "the runs of the other folds; scored on the held-out fold" in tables[name].caption
    assert "Only 9 sam_testbed runs" in tables["clip"].caption
    for name, table in tables.items():
        path = tmp_path / "deep" / f"{name}.parquet"
        table.to_parquet(path, {"made by": "test"})
        back = parquet.read_table(path)
        assert back.schema.metadata[b"caption"].decode() == table.caption
        assert [tuple(row.values()) for row in back.to_pylist()] == list(table.rows)
        screen = Console(file=io.StringIO(), width=200)
        table.print(screen)
        assert table.columns[0] in screen.file.getvalue()
    assert len(list((tmp_path / "deep").iterdir())) == len(tables)


def test_markdown_of_a_table():
    table = Table(("a|b", "x"), (("p|q", 0.12345), ("r", None)), "Words.")
    assert table.markdown().splitlines()[4:] == ["| p\\|q | 0.1235 |", "| r | n/a |"]
    with pytest.raises(ValueError, match="1 cells"):
        Table(("a", "b"), ((1,),), "")


def write_labels(path, names, y):
    lines = [",".join([name, *(f"{v:g}" for v in row)]) for name, row in zip(names, y, strict=True)]
    path.write_text("\n".join([",".join(["sample_id", *FAMILIES]), *lines]) + "\n")


@pytest.fixture
def files(tmp_path):
    y, p = study(12)
    names = [f"S{i:04d}" for i in range(12)]
    write_labels(tmp_path / "labels.csv", names, y)
    write_submission(tmp_path / "p.csv", names[::-1], p[::-1])
    kinds = [
        "sample_id,instrument_type,more",
        *(f"{n},commercial,x" for n in names),
        "T1,commercial,x",
    ]
    (tmp_path / "metadata.csv").write_text("\n".join(kinds))
    return tmp_path, names, y, p


def test_submission_round_trip_and_evaluation(files):
    folder, names, y, p = files
    p[0, :4] = [0.0, 1.0, 1e-17, 1 / 3]
    write_submission(folder / "p.csv", names[::-1], p[::-1])
    assert (folder / "p.csv").read_text().startswith("sample_id,basalt,carbonate,chloride,")
    back, values = read_submission(folder / "p.csv")
    assert list(back) == names[::-1] and np.array_equal(values, p[::-1])
    found = evaluate_files(folder / "p.csv", folder / "labels.csv", folder / "metadata.csv")
    assert found.run_ids == tuple(names) and np.array_equal(found.labels, y)
    assert found.log_loss == pytest.approx(mean_log_loss(y, p))
    assert [row[0] for row in found.scores.rows][:3] == ["all runs", "commercial", "basalt"]
    assert (
        found.scores
        == evaluate_files(folder / "p.csv", folder / "labels.csv", folder / "metadata.csv").scores
    )
    assert evaluate_files(folder / "p.csv", folder / "labels.csv").instruments is None


def test_other_columns_are_passed_over(files):
    folder, _, y, p = files
    for name in ("p.csv", "labels.csv"):
        (folder / name).write_text(_beside((folder / name).read_text(), "more"))
    found = evaluate_files(folder / "p.csv", folder / "labels.csv")
    assert np.array_equal(found.labels, y) and np.array_equal(found.probabilities, p)


def test_a_subset_is_scored_where_it_is_requested_and_what_is_left_out_is_listed(files):
    folder, names, y, p = files
    write_submission(folder / "p.csv", ["A1", "A2", *names[:2:-1]], np.vstack([p[:2], p[:2:-1]]))
    with pytest.raises(InputError, match=r"3 runs missing .* 2 runs without labels .*--subset"):
        evaluate_files(folder / "p.csv", folder / "labels.csv")
    found = evaluate_files(folder / "p.csv", folder / "labels.csv", subset=True)
    assert found.run_ids == tuple(names[3:])
    assert found.log_loss == pytest.approx(mean_log_loss(y[3:], p[3:]))
    said = egams("evaluate", folder / "p.csv", folder / "labels.csv", "--subset").stdout
    for text in (found.scores.caption, " ".join(said.split())):
        assert (
            "left out: 3 runs missing (S0000, S0001, S0002); 2 runs without labels (A1, A2)" in text
        )
    write_submission(folder / "p.csv", ["A1", "A2"], p[:2])
    with pytest.raises(InputError, match="12 runs missing"):
        evaluate_files(folder / "p.csv", folder / "labels.csv", subset=True)


HOSTILE = {
    "missing": (lambda t: t.replace("S0003,", "S9999,"), r"1 runs missing \(S0003\); .*S9999"),
    "twice": (lambda t: t.replace("S0003,", "S0004,"), r"row 10, column 'sample_id': .*'S0004'"),
    "no id": (lambda t: t.replace("S0011,", ","), r"row 2, column 'sample_id': holds no run id"),
    "nan": (lambda t: _cell(t, 3, 2, "nan"), r"row 4, column 'carbonate': run 'S0009' holds 'nan'"),
    "word": (lambda t: _cell(t, 1, 1, "hot"), r"row 2, column 'basalt': .*'hot'"),
    "above 1": (lambda t: _cell(t, 1, 10, "1.01"), r"row 2, column 'sulfide': .*'1.01'"),
    "empty": (lambda t: _cell(t, 1, 10, ""), r"row 2, column 'sulfide': .*''"),
    "short row": (lambda t: t.rsplit(",", 1)[0], r"row 13: 10 fields under a header of 11"),
    "no family": (
        lambda t: t.replace("basalt", "basalts"),
        r"row 1, column 'basalt': .*'basalts' to",
    ),
    "doubled": (
        lambda t: _beside(t, "basalt"),
        r"row 1, column 'basalt': is in the header twice",
    ),
    "nothing": (lambda t: "", "the file is empty"),
    "header only": (lambda t: t.splitlines()[0], "no runs"),
    "open quote": (lambda t: t + 'S1,"', "row 14: cannot be read as a row"),
}


def _cell(text, row, column, value):
    lines = [line.split(",") for line in text.splitlines()]
    lines[row][column] = value
    return "\n".join(",".join(line) for line in lines)


def _beside(text, name):
    return text.replace("\n", ",0.1\n").replace("0.1", name, 1)


@pytest.mark.parametrize(("spoil", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_submissions_are_named(files, spoil, message):
    folder, *_ = files
    path = folder / "p.csv"
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match=message):
        evaluate_files(path, folder / "labels.csv")


def test_other_hostile_files(files):
    folder, names, y, p = files
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_submission(folder / "none.csv")
    (folder / "binary.csv").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(InputError, match="cannot be read as an Excel workbook"):
        read_submission(folder / "binary.csv")
    write_labels(folder / "labels.csv", names, y + 0.5)
    with pytest.raises(InputError, match=r"row 2, column 'basalt': .*expected 0 or 1"):
        read_labels(folder / "labels.csv")
    write_labels(folder / "labels.csv", names, y)
    kinds = (folder / "metadata.csv").read_text()
    (folder / "metadata.csv").write_text(kinds.replace("T1,commercial", "T1,other"))
    with pytest.raises(InputError, match=r"row 14, column 'instrument_type': .*'other'"):
        evaluate_files(folder / "p.csv", folder / "labels.csv", folder / "metadata.csv")
    before = (folder / "p.csv").read_text()
    for bad_names, bad in ((names, p + 1), (names[:1] * 12, p), (names[:3], p)):
        with pytest.raises(InputError):
            write_submission(folder / "p.csv", bad_names, bad)
    assert (folder / "p.csv").read_text() == before
