"""Shapes of pictures and evidence, for the description of the addresses (OpenAPI)."""

from __future__ import annotations

from dataclasses import dataclass

from egams.explain.peaks import Peak
from egams.web.shapes import NearestShape, PredictionShape


@dataclass
class IonShape:
    """An ion and how it is drawn.

    Parameters
    ----------
    mz, label, gas, colour
        Its m/z, its name beside the trace, the gas it usually stands for, its colour.
    proxy_for
        Main ion that it stands for.
    chosen
        Whether it is shown first.
    """

    mz: int
    label: str
    gas: str
    colour: str
    proxy_for: int | None
    chosen: bool


@dataclass
class TracesShape:
    """Ions over temperature.

    Parameters
    ----------
    unit
        Of signals; empty where it is not known.
    temperature
        Middle of each bin, degC.
    ions
        Which there are.
    signal, baseline
        By m/z, a value a bin; null: not measured.
    """

    unit: str
    temperature: list[float]
    ions: list[IonShape]
    signal: dict[str, list[float | None]]
    baseline: dict[str, list[float | None]]


@dataclass
class SpectrogramShape:
    """All m/z over temperature.

    Parameters
    ----------
    temperature
        Middle of each bin, degC.
    mz
        A row each.
    log10
        Of the signal above background, in shares of the largest; null: not measured.
    """

    temperature: list[float]
    mz: list[int]
    log10: list[list[float | None]]


@dataclass
class PeaksShape:
    """Peaks, and the unit of their heights; areas are in that unit times degC."""

    unit: str
    peaks: list[Peak]


@dataclass
class WindowShape:
    """A gas in a peak: its ions between two temperatures, degC."""

    mz: int
    ions: list[int]
    species: str
    start_degC: float
    end_degC: float
    maximum_degC: float


@dataclass
class WeighedShape(WindowShape):
    """A window and what it does to a probability.

    Parameters
    ----------
    drop
        By which the probability falls without it.
    without, only
        Probability without it, and without all others.
    """

    drop: float
    without: float
    only: float


@dataclass
class TogetherShape:
    """Windows that only together carry a call, and the probability without them."""

    windows: list[WindowShape]
    without: float


@dataclass
class WhyShape:
    """Why a family has its probability.

    Parameters
    ----------
    probability, call
        As predicted.
    windows
        What each window does.
    together
        Windows that only together carry the call.
    no_window, without_neighbours
        Probability without all windows, and without the labels of the nearest training runs.
    neighbours_decide
        Whether those labels count more than any window.
    """

    probability: float
    call: str
    windows: list[WeighedShape]
    together: TogetherShape | None
    no_window: float
    without_neighbours: float
    neighbours_decide: bool


@dataclass
class ExplanationShape:
    """Why a run is answered as it is, by `bundle`, that in use; `lines` has it in words."""

    bundle: str
    sample_id: str
    families: dict[str, WhyShape]
    nearest: list[NearestShape]
    windows: list[WindowShape]
    lines: dict[str, list[str]]


@dataclass
class TrainingRunShape:
    """A training run, as the bundle keeps it.

    Parameters
    ----------
    run_id, families
        Its name, and what is in it.
    temperature
        Middle of each bin, degC.
    mz
        A row each.
    abundance
        Mean of each bin, in shares of the run's largest; null: not measured.
    """

    run_id: str
    families: list[str]
    temperature: list[float]
    mz: list[int]
    abundance: list[list[float | None]]


@dataclass
class BlankShape:
    """The answer less a blank, by `bundle`, that in use."""

    bundle: str
    prediction: PredictionShape
