"""`Predictions`: what a bundle predicts of runs, one `RunPrediction` each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from egams.arrays import FloatArray
from egams.errors import ConfigError, InputError, meant
from egams.families import FAMILIES
from egams.io import SkippedRun
from egams.io.run_rows import write_submission

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

RUNS_SHOWN = 20
LIKELIEST_SHOWN = 3

OF_A_FAMILY = {
    "probabilities": "probability",
    "spread": "spread",
    "draw_spread": "draw_spread",
    "calls": "call",
    "unseen": "unseen",
}
"""Names of what is predicted of a family in JSON and tables, by attribute of `RunPrediction`."""


@dataclass(frozen=True)
class Neighbour:
    """A training run near to a run.

    Parameters
    ----------
    run_id
        Its name.
    families
        What it was labelled.
    distance
        How unlike the run it is; 0 is the same.
    """

    run_id: str
    families: tuple[str, ...]
    distance: float

    def __str__(self) -> str:
        return f"{self.run_id} at {self.distance:.2f} ({', '.join(self.families) or 'no family'})"


@dataclass(frozen=True, eq=False)
class RunPrediction:
    """What a bundle predicts of one run.

    Parameters
    ----------
    run_id
        Its name.
    instrument
        As given or inferred from the data.
    probabilities
        Calibrated ``[family]``.
    spread
        Standard deviation between the experiments of the ensemble ``[family]``.
    draw_spread
        Standard deviation of the ensemble between single test-time draws ``[family]``.
    calls
        ``present``, ``absent`` or ``uncertain``: see `egams.ensemble.calls` ``[family]``.
    unseen
        Why the run cannot show the family, so that it is not called absent; "" where it can
        ``[family]``: see `egams.ensemble.unseen`.
    flags
        What sets the run apart from the training runs.
    nearest
        The nearest training runs, nearest first; none where the bundle knows none.
    notes
        What the reader noted of the run.
    as_measured
        Where a blank was subtracted, the probabilities without that ``[family]``.
    """

    run_id: str
    instrument: str
    probabilities: FloatArray
    spread: FloatArray
    draw_spread: FloatArray
    calls: NDArray[np.str_]
    unseen: NDArray[np.str_]
    flags: tuple[str, ...] = ()
    nearest: tuple[Neighbour, ...] = ()
    notes: tuple[str, ...] = ()
    as_measured: FloatArray | None = None

    def __repr__(self) -> str:
        likeliest = (-self.probabilities).argsort(kind="stable")[:LIKELIEST_SHOWN].tolist()
        families = ", ".join(f"{FAMILIES[i]} {self.probabilities[i]:.2f}" for i in likeliest)
        return f"{self.run_id}: {families}" + (f" ({'; '.join(self.flags)})" if self.flags else "")

    def details(self, *, rounded: bool = True) -> dict[str, Any]:
        """All of it as JSON holds it, numbers `rounded` or whole."""

        def shown(value: Any, decimals: int) -> Any:
            return round(value, decimals) if rounded and isinstance(value, float) else value

        values = [getattr(self, attribute).tolist() for attribute in OF_A_FAMILY]
        found = {
            "sample_id": self.run_id,
            "instrument": self.instrument,
            "families": {
                family: {
                    name: shown(value, 4)
                    for name, value in zip(OF_A_FAMILY.values(), of_family, strict=True)
                }
                for family, *of_family in zip(FAMILIES, *values, strict=True)
            },
            "flags": list(self.flags),
            "nearest": [
                {
                    "sample_id": other.run_id,
                    "distance": shown(other.distance, 3),
                    "families": list(other.families),
                }
                for other in self.nearest
            ],
            "notes": list(self.notes),
        }
        if self.as_measured is not None:
            of_family = zip(FAMILIES, self.as_measured.tolist(), strict=True)
            found["as_measured"] = {family: shown(value, 4) for family, value in of_family}
        return found

    @classmethod
    def of_details(cls, details: Mapping[str, Any]) -> RunPrediction:
        """Return what `details` was made of, as exactly as it was rounded.

        Parameters
        ----------
        details
            As JSON held it.
        """
        families = [details["families"][family] for family in FAMILIES]
        without = details.get("as_measured")
        return cls(
            details["sample_id"],
            details["instrument"],
            **{
                attribute: np.array([family[name] for family in families])
                for attribute, name in OF_A_FAMILY.items()
            },
            flags=tuple(details["flags"]),
            nearest=tuple(
                Neighbour(one["sample_id"], tuple(one["families"]), one["distance"])
                for one in details["nearest"]
            ),
            notes=tuple(details["notes"]),
            as_measured=without and np.array([without[family] for family in FAMILIES]),
        )


class Predictions(Sequence[RunPrediction]):
    """What a bundle predicts of runs: a `RunPrediction` each, by position or by run id.

    A slice holds the predictions of its runs, and no skipped runs.

    Parameters
    ----------
    runs
        Predictions of the runs that could be used.
    skipped
        Runs that could not be used, with the reason.

    Raises
    ------
    InputError
        If a run is requested by an id that is not among them.
    """

    def __init__(self, runs: Iterable[RunPrediction], skipped: Iterable[SkippedRun] = ()) -> None:
        self._runs = tuple(runs)
        self.skipped = tuple(skipped)

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int | str) -> RunPrediction: ...

    @overload
    def __getitem__(self, index: slice) -> Predictions: ...

    def __getitem__(self, index: int | str | slice) -> RunPrediction | Predictions:
        if isinstance(index, slice):
            return Predictions(self._runs[index])
        if isinstance(index, str):
            if index not in self.run_ids:
                raise InputError(
                    f"no run '{index}' among {len(self)} predictions",
                    hint=meant(index, self.run_ids).strip() or None,
                )
            index = self.run_ids.index(index)
        return self._runs[index]

    def _stacked(self, name: str) -> NDArray[Any]:
        rows = [getattr(run, name) for run in self._runs]
        return np.stack(rows) if rows else np.empty((0, len(FAMILIES)))

    @property
    def run_ids(self) -> tuple[str, ...]:
        """``[run]``."""
        return tuple(run.run_id for run in self._runs)

    @property
    def instruments(self) -> tuple[str, ...]:
        """``[run]``."""
        return tuple(run.instrument for run in self._runs)

    @cached_property
    def probabilities(self) -> FloatArray:
        """``[run, family]``."""
        return self._stacked("probabilities")

    @cached_property
    def spread(self) -> FloatArray:
        """``[run, family]``."""
        return self._stacked("spread")

    @cached_property
    def draw_spread(self) -> FloatArray:
        """``[run, family]``."""
        return self._stacked("draw_spread")

    @cached_property
    def calls(self) -> NDArray[np.str_]:
        """``[run, family]``."""
        return self._stacked("calls").astype(np.str_)

    @cached_property
    def unseen(self) -> NDArray[np.str_]:
        """``[run, family]``."""
        return self._stacked("unseen").astype(np.str_)

    def details(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return {
            "runs": [run.details() for run in self._runs],
            "skipped": [asdict(run) for run in self.skipped],
        }

    def to_arrow(self) -> pa.Table:
        """All of it as a table, a row a run, skipped ones last: the columns of a shard."""
        from egams.ensemble.prediction_table import to_table

        return to_table(self)

    def to_pandas(self) -> pd.DataFrame:
        """`to_arrow` as a data frame.

        Raises
        ------
        ConfigError
            If pandas is not installed.
        """
        try:
            return self.to_arrow().to_pandas()
        except ImportError as error:
            raise ConfigError(
                "to_pandas needs pandas, which is not installed. Install it: pip install pandas"
            ) from error

    def to_csv(self, path: str | Path) -> None:
        """Write the probabilities to `path`, in the challenge's layout.

        Raises
        ------
        InputError
            If a run appears twice.
        """
        write_submission(path, self.run_ids, self.probabilities)

    def save(self, path: str | Path) -> None:
        """Write to `path`, whose suffix says what: ``.csv``, ``.parquet``, ``.json``, ``.xlsx``.

        Raises
        ------
        ConfigError
            If the suffix is another, or the extra that ``.xlsx`` needs is not installed.
        InputError
            If a run appears twice in a ``.csv``.
        """
        from egams.ensemble.prediction_files import write_predictions

        write_predictions(self, Path(path))

    def __repr__(self) -> str:
        lines = [f"Predictions of {len(self)} runs, {len(self.skipped)} skipped"]
        lines += [f"  {run!r}" for run in self._runs[:RUNS_SHOWN]]
        if len(self) > RUNS_SHOWN:
            lines.append(f"  and {len(self) - RUNS_SHOWN} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Probabilities in percent for a notebook; those more likely than not are bold."""
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in ("run", *FAMILIES, "flags"))
        rows = []
        for run in self._runs[:RUNS_SHOWN]:
            percent = [f"{100 * p:.0f}" for p in run.probabilities]
            cells = [
                f"<b>{text}</b>" if p >= 0.5 else text
                for text, p in zip(percent, run.probabilities, strict=True)
            ]
            cells = [escape(run.run_id), *cells, escape("; ".join(run.flags))]
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        more = f", {len(self) - RUNS_SHOWN} not shown" if len(self) > RUNS_SHOWN else ""
        return (
            f"<p>Probability in percent: {len(self)} runs{more}, {len(self.skipped)} skipped</p>"
            f"<table><tr>{head}</tr>{''.join(rows)}</table>"
        )
