"""Runs with a blank subtracted, as a source of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egams.errors import InputError
from egams.io import RunSource, open_source
from egams.io.sniff import Runs
from egams.preprocess.blank import Blank, subtract_blank
from egams.run import Run


@dataclass(frozen=True)
class BlankedSource:
    """Runs of another source, with a blank subtracted.

    Parameters
    ----------
    source
        The runs as measured.
    blank
        What is subtracted from each.
    """

    source: RunSource
    blank: Blank

    @property
    def name(self) -> str:
        """That of the source."""
        return self.source.name

    @property
    def ids(self) -> tuple[str, ...]:
        """Those of the source."""
        return self.source.ids

    def load(self, run_id: str) -> Run:
        """Return one run without its blank.

        Parameters
        ----------
        run_id
            Of the run.

        Raises
        ------
        InputError
            If the run cannot be used, or does not go with the blank.
        """
        return subtract_blank(self.source.load(run_id), self.blank)

    def fingerprint(self, run_id: str) -> str:
        """Return what changes with the run.

        Parameters
        ----------
        run_id
            Of the run.
        """
        return f"{self.source.fingerprint(run_id)} without {self.blank.run_id}"

    def only(self, ids: Sequence[str]) -> BlankedSource:
        """Return a source of some of its runs, in this order.

        Parameters
        ----------
        ids
            Of the runs.
        """
        return BlankedSource(self.source.only(ids), self.blank)


def read_blank(given: Runs) -> Blank:
    """Read a run without sample.

    Parameters
    ----------
    given
        A run, or whatever holds exactly one.

    Raises
    ------
    InputError
        If it holds another number of runs, or one that cannot be used.
    """
    source = open_source(given)
    if len(source.ids) != 1:
        raise InputError(f"{len(source.ids)} runs", file=source.name, expected="one blank")
    return Blank.of(source.load(source.ids[0]))
