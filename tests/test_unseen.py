"""Families that a run cannot show: by its ions and by how far it was heated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from egams.ensemble.bundle import load_bundle
from egams.ensemble.unseen import RELEASES, unseen, unseen_flags
from egams.families import FAMILIES
from egams.preprocess.missing import Missing, without
from egams.preprocess.prepare_runs import PreparedRun, prepare_runs
from egams.run import Run
from egams.simulate import simulate_run
from egams.spectrogram.context import Context, context_of


def simulated() -> Run:
    return simulate_run(np.random.default_rng(5))


def reasons(missing: Missing) -> dict[str, str]:
    """Reasons of the families that a simulated run cannot show where data are missing."""
    (prepared,) = prepare_runs([simulated()])
    assert isinstance(prepared, PreparedRun)
    features = context_of(without(prepared, missing))[None].astype(np.float64)
    (found,) = unseen(Context.decode(features)).tolist()
    return {family: why for family, why in zip(FAMILIES, found, strict=True) if why}


@pytest.mark.parametrize(
    ("missing", "families"),
    [
        (Missing(), ""),
        (Missing((18, 28, 32, 36, 44, 64)), ""),
        (Missing(end_degC=412), "carbonate chloride sulfate"),
        (Missing(end_degC=250), "carbonate chloride oxalate sulfate sulfide"),
        (Missing(start_degC=320), "iron_oxide"),
        (Missing((17, 32, 38, 44)), "sulfate sulfide"),
        (Missing((18, 28, 32)), "carbonate chloride sulfate sulfide"),
    ],
    ids=str,
)
def test_a_family_is_unseen_whose_gases_could_not_be_measured(missing, families):
    assert " ".join(reasons(missing)) == families


def test_each_reason_is_stated_once_with_its_families():
    found = reasons(Missing((18, 28, 44, 32, 34), end_degC=412))
    flags = unseen_flags(np.array([found.get(family, "") for family in FAMILIES]))
    end = found["carbonate"].split()[2]
    assert flags == (
        f"carbonate: cannot be excluded, heated to {end} degC: released above that",
        "chloride: cannot be excluded, no m/z of HCl measured (36, 38)",
        "sulfate: cannot be excluded, no m/z of SO2 measured (64, 48)",
    )


def test_what_cannot_be_seen_is_not_called_absent():
    run = simulated()
    early = run.temperature <= 430
    cut = replace(
        run, time=None, temperature=run.temperature[early], abundance=run.abundance[early]
    )
    whole, part = (load_bundle().predict([each], draws=2)[0] for each in (run, cut))
    assert not (whole.unseen != "").any()
    hidden = [FAMILIES.index(family) for family in ("carbonate", "chloride", "sulfate")]
    assert (part.unseen != "").nonzero()[0].tolist() == hidden
    assert "absent" not in part.calls[hidden]
    assert any("carbonate, chloride, sulfate: cannot be excluded" in each for each in part.flags)
    assert part.details()["families"]["sulfate"]["unseen"] == part.unseen[hidden[-1]]


def test_releases_are_of_families_that_have_gases():
    assert set(FAMILIES) - set(RELEASES) == {"basalt", "silicate"}
