"""`write_model_card`: what a bundle is, for the person who is to trust it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egams.artifact import MANIFEST, write_text
from egams.ensemble.bundle_files import BundleManifest
from egams.evaluate.study_tables import study_tables
from egams.study.study import Study

CARD = "README.md"

INTENDED = """## Intended use

To suggest which of ten families of compounds are in a sample heated in an evolved-gas-analysis mass
spectrometer, to people who can judge the suggestion by the ion traces. Not to decide alone.
`egams explain` shows which ions, at which temperatures, carry the answer on a run, and how much of
it rests on the labels of the nearest training runs.
"""

LIMITS = """## Limits

- It knows ten families. Anything else in a sample is not named, and may be taken for one of them.
- Probabilities and calls hold for runs like the training runs. Runs unlike them are flagged, but an
  answer without a flag can still be wrong, and the further the nearest training run, the likelier.
- Part of what it knows is which training run a run resembles, background included. That recognises
  repeats and relatives of known samples best; on samples unlike all known ones expect the score
  of grouped folds, not the one below.
- SAM testbed runs are few, so scores for them are hints.
- It holds the mean abundance of each m/z of every training run in bins of 24 degC, rounded to 3 %,
  its name and its labels; not its scans.
"""

SHOWN = ("scores", "parts", "calls", "lacking", "weights", "sam-fold")


def write_model_card(study: Study, bundle: Path, *, at_most: int | None = None) -> Path:
    """Write ``README.md`` into a bundle: what it was made from, its scores, what it is for.

    Parameters
    ----------
    study
        That the bundle was made from.
    bundle
        Folder of the bundle.
    at_most
        Most experiments in its ensemble, as it was made.

    Returns
    -------
    Path
        The card.
    """
    manifest = BundleManifest.load(bundle)
    tables = study_tables(study, np.random.default_rng(0), at_most=at_most, with_weights=True)
    parts = [
        "# Model card",
        f"A bundle of egams {manifest.egams_version}: {len(manifest.members)} experiments, "
        f"trained on {manifest.study['runs_used']} labelled runs (data fingerprint "
        f"`{manifest.data}`). Weights, calibration and calls were fitted on out-of-fold "
        f"predictions. `{MANIFEST}` has all settings and the hash of every file.",
        INTENDED,
        LIMITS,
        "## Scores",
        *(tables[name].markdown() for name in SHOWN if name in tables),
    ]
    card = bundle / CARD
    write_text(card, "\n\n".join(part.strip() for part in parts) + "\n")
    return card
