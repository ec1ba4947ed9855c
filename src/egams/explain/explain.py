"""`explain_run`: take windows of a run away, predict again, and report what that changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from egams.ensemble.bundle import DRAW_SEED, Bundle, load_bundle
from egams.ensemble.predictions import RunPrediction
from egams.errors import ConfigError, InputError, meant
from egams.explain.effects import Effects
from egams.explain.explanation import HALF, Explanation, FamilyExplanation, WindowEvidence
from egams.explain.occlude import occluded
from egams.explain.same_draws import SameDraws
from egams.explain.windows import Window, windows_of
from egams.families import FAMILIES
from egams.io.sniff import Runs
from egams.store.prepare import prepare
from egams.store.run_store import RunStore


def explain_run(
    run: Runs | RunStore,
    bundle: Bundle | None = None,
    *,
    families: Collection[str] | None = None,
    draws: int | None = None,
    seed: int = DRAW_SEED,
) -> Explanation:
    """Find out what in a run carries the answer.

    The abundances in a window, one gas in one peak, are replaced by their baseline, and the whole
    calibrated ensemble predicts again from the same draws, the nearest training runs sought anew.

    Parameters
    ----------
    run
        A path or source of one run, a run in memory, or a store of one run.
    bundle
        What predicts; None for the bundle that egams ships.
    families
        Which to explain; None for those that are present or uncertain.
    draws, seed
        As `egams.ensemble.bundle.Bundle.predict` has them.

    Raises
    ------
    InputError
        If there is not exactly one run, or it cannot be used.
    ConfigError
        If a family is unknown.
    """
    bundle = load_bundle() if bundle is None else bundle
    for name in families or ():
        if name not in FAMILIES:
            raise ConfigError(f"no family '{name}'.{meant(name, FAMILIES)}")
    store = run if isinstance(run, RunStore) else prepare(run, jobs=1, strict=True)
    if len(store) != 1:
        raise InputError(f"{len(store)} runs to explain", expected="one")
    draws = bundle.manifest["draws"] if draws is None else draws
    predicted = bundle.predict(store, draws=draws, seed=seed)[0]
    chosen = [
        place
        for place in (-predicted.probabilities).argsort(kind="stable").tolist()
        if (predicted.calls[place] != "absent" if families is None else FAMILIES[place] in families)
    ]
    same = SameDraws(bundle, store[0], draws, seed)
    windows = windows_of(store[0]) if chosen else []
    return Explanation(
        run_id=predicted.run_id,
        families=tuple(_families(same, windows, predicted, chosen)) if chosen else (),
        nearest=predicted.nearest,
        windows=tuple(windows),
    )


def _families(
    same: SameDraws, windows: Sequence[Window], predicted: RunPrediction, chosen: Sequence[int]
) -> Iterator[FamilyExplanation]:
    effects = Effects.of(same, windows)
    shown = {family: effects.shown(family) for family in chosen}
    places = sorted({place for some in shown.values() for place in some})
    without, only = effects.of_windows(places)
    no_window = same.probabilities([occluded(same.run, windows)])[0]
    without_neighbours = same.probabilities([same.run], neighbours=False)[0]
    for family in chosen:
        probability = float(predicted.probabilities[family])
        rows = [places.index(place) for place in shown[family]]
        rows.sort(key=lambda row: without[row, family])
        lowest = without[rows, family].min(initial=probability)
        yield FamilyExplanation(
            family=FAMILIES[family],
            probability=probability,
            call=str(predicted.calls[family]),
            windows=tuple(
                WindowEvidence(
                    windows[places[row]],
                    probability - float(without[row, family]),
                    float(without[row, family]),
                    float(only[row, family]),
                )
                for row in rows
            ),
            together=effects.together(family) if lowest >= HALF and windows else None,
            no_window=float(no_window[family]),
            without_neighbours=float(without_neighbours[family]),
        )
