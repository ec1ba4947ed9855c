"""Draw the picture of the README from a simulated run: ``python docs/make_pictures.py [BUNDLE]``.

The shipped bundle predicts it, or another one. No run of the challenge is in any picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import egams
from egams.report.figure import draw_run
from egams.simulate import simulate_run

SEED = 2
PRESENT = ("carbonate", "oxychlorine", "phyllosilicate", "sulfate")


def main(bundle: str | None = None) -> Path:
    """Draw ``docs/run.png``."""
    run = simulate_run(np.random.default_rng(SEED), families=PRESENT, run_id="A simulated run")
    loaded = egams.load_bundle(bundle)
    return draw_run(
        run,
        Path(__file__).with_name("run.png"),
        predictions=loaded.predict(run),
        explanation=loaded.explain(run),
    )


if __name__ == "__main__":
    print(main(*sys.argv[1:2]))
