"""The shipped bundle: small enough, whole, and still giving the answers it was released with.

Make the golden file anew, after a new bundle, with
``python tests/test_shipped.py DATA``, where DATA holds drivendata-mini.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import egams
from command_line import egams as command_line
from egams.artifact import write_json
from egams.ensemble.bundle import SHIPPED, Bundle, load_bundle
from egams.ensemble.calls import CALLS
from egams.families import FAMILIES
from egams.io import write_csv
from egams.logloss import mean_log_loss
from egams.run import Run
from egams.simulate import SimulationConfig, simulate_runs

GOLDEN = Path(__file__).parent / "golden" / "shipped.json"
LARGEST = 20e6
MINI = "drivendata-mini"
# Other processors sum in another order, and trees turn a rounding error into a step.
CLOSE, SCORE_CLOSE = 0.02, 0.002


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


def simulated() -> list[Run]:
    config = SimulationConfig(sam_share=0.25, sam_sweeps=60)
    return list(simulate_runs(6, np.random.default_rng(7), config=config))


def score_on_mini(bundle: Bundle, data: Path) -> float:
    runs = list(egams.read(data / MINI, split="train"))
    truth = np.array([run.labels for run in runs])
    return float(mean_log_loss(truth, bundle.predict(runs).probabilities))


def test_it_is_small_and_only_of_harmless_files() -> None:
    files = [path for path in SHIPPED.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LARGEST
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md"}


def test_it_gives_the_golden_predictions(bundle: Bundle) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    predictions = bundle.predict(simulated())
    expected = np.array(golden["probabilities"])
    assert predictions.probabilities.shape == expected.shape == (6, len(FAMILIES))
    np.testing.assert_allclose(predictions.probabilities, expected, atol=CLOSE)
    assert np.abs(predictions.probabilities - expected).mean() < CLOSE / 10
    nearest = [[other.run_id for other in run.nearest] for run in predictions]
    assert [found[0] for found in nearest] == [found[0] for found in golden["nearest"]]
    assert set(predictions.calls.ravel()) <= set(CALLS)


def test_its_card_says_what_its_manifest_says(bundle: Bundle) -> None:
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    assert bundle.manifest["data"] in card
    assert f"{bundle.manifest['scores']['nested']:.4f}" in card
    assert "Intended use" in card


def test_a_csv_is_answered_without_training(bundle: Bundle, tmp_path: Path) -> None:
    run = simulated()[0]
    write_csv(run, tmp_path / "my_run.csv")
    said = command_line("predict", tmp_path / "my_run.csv", "--details", tmp_path / "run.json")
    (told,) = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["runs"]
    given = [told["families"][family]["probability"] for family in FAMILIES]
    np.testing.assert_allclose(given, bundle.predict(run).probabilities[0], atol=CLOSE)
    assert told["nearest"][0]["sample_id"] in said.stdout


@pytest.mark.real
def test_it_scores_as_recorded(bundle: Bundle, real_data: Path) -> None:
    """Most of these runs it was trained on: a check of the bundle, not a score of it."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert score_on_mini(bundle, real_data) == pytest.approx(
        golden["mini_log_loss"], abs=SCORE_CLOSE
    )


@pytest.mark.real
def test_a_laboratory_s_own_file_is_unlike_the_training_runs(
    bundle: Bundle, real_data: Path
) -> None:
    files = real_data / "lab-files"
    curve = files / "mp2028_281122_LNO+C.txt"
    run = egams.read(files / "20221128_134958_TGA_MS.asc", temperature=curve)
    (predicted,) = bundle.predict(run)
    assert any("unlike every training run" in flag for flag in predicted.flags)
    assert any("begins 44 s after the recording" in note for note in predicted.notes)
    places = [FAMILIES.index(family) for family in ("chloride", "sulfate", "sulfide")]
    assert (predicted.unseen[places] != "").all(), "neither HCl nor SO2 nor H2S was measured"
    assert predicted.calls[places].tolist() == ["uncertain"] * 3
    base = np.mean(bundle.training_runs.labels, axis=0)
    assert np.abs(predicted.probabilities - base).max() < 0.2, "little is known: near base rates"


if __name__ == "__main__":
    shipped = load_bundle()
    predicted = shipped.predict(simulated())
    write_json(
        GOLDEN,
        {
            "probabilities": predicted.probabilities.round(5).tolist(),
            "nearest": [[other.run_id for other in run.nearest] for run in predicted],
            "mini_log_loss": round(score_on_mini(shipped, Path(sys.argv[1])), 5),
        },
    )
