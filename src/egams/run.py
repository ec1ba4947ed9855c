"""`Run`: one EGA-MS experiment as a matrix of scans and m/z."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.families import FAMILIES, INSTRUMENTS, Instrument

if TYPE_CHECKING:
    import xarray
    from matplotlib.figure import Figure


CURRENTS = ("A", "mA", "uA", "nA", "pA", "fA")
PRESSURES = ("Pa", "mbar", "bar", "Torr", "mTorr")
LARGEST_CURRENT = 1e-3  # A; no detector gives more
INFERRED = "instrument inferred from the data"
_TO_INFER = cast("Instrument", None)  # never seen: a run that is made has an instrument


@dataclass(frozen=True, eq=False)
class Run:
    """One experiment: a sample heated while its gases are weighed.

    Parameters
    ----------
    run_id
        Name of the run (``sample_id`` in the challenge).
    temperature
        Sample temperature of each scan, degC ``[scan]``; or of each reading ``[scan, m/z]`` where
        the instrument sweeps so slowly that the sample warms within a scan (SAM testbed).
        NaN only where the reading is NaN.
    mz
        Mass-to-charge ratios ``[m/z]``, ascending, may be fractional.
    abundance
        Ion signal in `unit` ``[scan, m/z]``; NaN where an m/z was not measured.
    time
        Seconds since the start, shaped like `temperature`; None where it is not known.
    instrument
        ``"commercial"`` or ``"sam_testbed"``; where it is not given, inferred from the data, which
        is then noted.
    labels
        0 or 1 for each of `egams.families.FAMILIES` ``[family]``; None where unknown.
    notes
        What a reader wants known about the run ("instrument inferred from the data: ...").
    unit
        Unit of `abundance`: ``A``, ``counts/s``, ``mbar`` and the like. Where it is not given:
        ``counts/s`` of the SAM testbed, ``A`` of currents that a detector can give, else empty.

    Raises
    ------
    InputError
        If shapes disagree, there is no scan, m/z do not ascend, or a measured value has no
        finite temperature.
    """

    run_id: str
    temperature: FloatArray
    mz: FloatArray
    abundance: FloatArray
    time: FloatArray | None = None
    instrument: Instrument = _TO_INFER
    labels: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = field(default=())
    unit: str = ""

    def __post_init__(self) -> None:
        for name in ("temperature", "mz", "abundance"):
            object.__setattr__(self, name, _as_float(getattr(self, name)))
        if self.time is not None:
            object.__setattr__(self, "time", _as_float(self.time))
        if self.labels is not None:
            object.__setattr__(self, "labels", np.asarray(self.labels, dtype=np.float32))
        self._check()
        if self.instrument is None:
            instrument, why = infer_instrument(self)
            object.__setattr__(self, "instrument", instrument)
            object.__setattr__(self, "notes", (*self.notes, f"{INFERRED}: {instrument} ({why})"))
        if not self.unit:
            object.__setattr__(self, "unit", _usual_unit(self))

    def _check(self) -> None:
        scans, mzs = self.abundance.shape if self.abundance.ndim == 2 else (0, 0)
        if scans == 0 or mzs == 0:
            raise self._error(
                f"abundance has shape {self.abundance.shape}", "at least one scan and one m/z"
            )
        if self.mz.shape != (mzs,):
            raise self._error(f"{self.mz.size} m/z for {mzs} columns of abundance", "one for each")
        if mzs > 1 and not bool(np.all(np.diff(self.mz) > 0)):
            raise self._error("m/z do not ascend", "strictly ascending m/z")
        for name, values in (("temperature", self.temperature), ("time", self.time)):
            if values is not None and values.shape not in ((scans,), (scans, mzs)):
                expected = f"[{scans}] or [{scans}, {mzs}]"
                raise self._error(f"{name} has shape {values.shape}", expected)
        measured = ~np.isnan(self.abundance)
        if bool(np.any(measured & ~np.isfinite(self.reading_temperature))):
            raise self._error("a measured value has no finite temperature", "degC for each reading")
        if self.instrument not in (None, *INSTRUMENTS):
            raise self._error(f"instrument '{self.instrument}'", " or ".join(INSTRUMENTS))
        if self.labels is not None and self.labels.shape != (len(FAMILIES),):
            raise self._error(f"{self.labels.size} labels", f"{len(FAMILIES)}, in FAMILIES order")

    def _error(self, problem: str, expected: str) -> InputError:
        return InputError(f"run '{self.run_id}': {problem}", expected=expected)

    @property
    def reading_temperature(self) -> FloatArray:
        """Temperature of every reading, degC ``[scan, m/z]``."""
        if self.temperature.ndim == 2:
            return self.temperature
        return np.broadcast_to(self.temperature[:, None], self.abundance.shape)

    @property
    def scan_temperature(self) -> FloatArray:
        """Mean temperature of each scan, degC ``[scan]``."""
        return self.temperature if self.temperature.ndim == 1 else np.nanmean(self.temperature, 1)

    @property
    def scan_time(self) -> FloatArray | None:
        """Mean time of each scan, s ``[scan]``; None where time is not known."""
        if self.time is None or self.time.ndim == 1:
            return self.time
        return np.asarray(np.nanmean(self.time, 1))

    def plot(self, *, predictions: Any = None) -> Figure:
        """Draw the run: ion traces with baselines, and the spectrogram that models see.

        Parameters
        ----------
        predictions
            `Predictions` of this run, among others or alone, or a `Bundle` that predicts it; drawn
            beside the run.

        Raises
        ------
        InputError
            If the run cannot be prepared, or is not among the predictions.
        """
        import egams  # through the front door: the ground knows no room

        return egams.plot_run(self, predictions)

    def to_xarray(self) -> xarray.Dataset:
        """Return the run as an `xarray.Dataset` with dimensions ``scan`` and ``mz``."""
        import xarray as xr

        def axes(values: FloatArray) -> tuple[str, ...]:
            return ("scan",) if values.ndim == 1 else ("scan", "mz")

        variables: dict[str, Any] = {
            "abundance": (("scan", "mz"), self.abundance),
            "temperature": (axes(self.temperature), self.temperature, {"units": "degC"}),
        }
        if self.time is not None:
            variables["time"] = (axes(self.time), self.time, {"units": "s"})
        if self.labels is not None:
            variables["labels"] = (("family",), self.labels)
        return xr.Dataset(
            variables,
            coords={"mz": self.mz, "family": list(FAMILIES)},
            attrs={
                "run_id": self.run_id,
                "instrument": self.instrument,
                "unit": self.unit,
                "notes": list(self.notes),
            },
        )


def _as_float(values: ArrayLike) -> FloatArray:
    return np.asarray(values, dtype=np.float64)


def infer_instrument(run: Run) -> tuple[Instrument, str]:
    """Infer the kind of instrument, with the reason.

    The SAM testbed counts ions and sweeps slowly or in tenths of an m/z; commercial instruments
    report amperes (at most 2e-6 in the challenge, where this rule is right for all 783 runs of
    known kind). Ions counted at one time per scan and integer m/z may be any laboratory's.
    """
    if run.unit in CURRENTS + PRESSURES:
        return "commercial", f"signals in {run.unit}, not counts"
    if _largest(run) <= 1.0:
        return "commercial", "currents below 1, not counts"
    if (run.temperature if run.time is None else run.time).ndim == 2:
        return "sam_testbed", "counts, each reading with its own time"
    if np.any(run.mz != np.round(run.mz)):
        return "sam_testbed", "counts at fractional m/z"
    return "commercial", "integer m/z and one time per scan"


def _usual_unit(run: Run) -> str:
    if run.instrument == "sam_testbed":
        return "counts/s"
    return "A" if _largest(run) <= LARGEST_CURRENT else ""


def _largest(run: Run) -> float:
    return float(np.max(run.abundance, initial=0.0, where=~np.isnan(run.abundance)))
