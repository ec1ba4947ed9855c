"""How a file was read: what `egams inspect` shows, and the notes a run carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Account:
    """How a file was read.

    Parameters
    ----------
    format
        Such as ``long table`` or ``Pfeiffer Quadera``.
    dialect
        Encoding, separator, decimal mark and the like, in words.
    columns
        Header of each column, and what it was taken for, in words.
    unused
        Headers of the columns that were left alone.
    notes
        What was inferred or left out.
    """

    format: str
    dialect: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[tuple[str, str], ...] = ()
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def noted(self, *notes: str) -> Account:
        """Return an account with more notes.

        Parameters
        ----------
        *notes
            Sentences without a full stop.
        """
        return replace(self, notes=(*self.notes, *notes))
