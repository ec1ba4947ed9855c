"""`Search`: which runs, in which order, as SQL that is fast for tens of thousands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from egams.errors import InputError, meant
from egams.families import FAMILIES
from egams.library.database import whole

CALLS = ("present", "absent", "uncertain")
_ORDERS = {
    "added": "r.id",
    "name": "r.name COLLATE NOCASE",
    "file": "r.file_name COLLATE NOCASE",
    "instrument": "r.instrument",
    **{family: f"p.{family}" for family in FAMILIES},
}
_FROM = """FROM runs r LEFT JOIN predicted p ON p.run = r.id AND (p.bundle = :bundle OR p.newest
    AND NOT EXISTS (SELECT 1 FROM predicted WHERE run = r.id AND bundle = :bundle))"""
_COLUMNS = f"r.*, p.bundle, p.made AS predicted, {whole('runs', 'r')}, {whole('predicted', 'p')}"
Query = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Search:
    """What is asked of the runs; see `egams.library.runs.Runs.runs`.

    Parameters
    ----------
    search, call, labelled, flagged, sort, descending, stale, name, among
        As there.

    Raises
    ------
    InputError
        If there is no such family, call or order.
    """

    search: str = ""
    call: tuple[str, str] | None = None
    labelled: bool | None = None
    flagged: bool | None = None
    sort: str = "added"
    descending: bool = False
    stale: bool | None = None
    name: str = ""
    among: Sequence[int] | None = None

    def __post_init__(self) -> None:
        asked = [("order", self.sort, tuple(_ORDERS))]
        if self.call is not None:
            asked += [("family", self.call[0], ("", *FAMILIES)), ("call", self.call[1], CALLS)]
        for what, given, known in asked:
            if given not in known:
                raise InputError(
                    f"there is no {what} '{given}'",
                    expected=", ".join(filter(None, known)),
                    hint=meant(given, known).strip() or None,
                )

    def ids(self, bundle: str | None) -> Query:
        """Return the query of the ids of all these runs, in order.

        Parameters
        ----------
        bundle
            Whose predictions count.
        """
        where, values = self._where()
        order, way = _ORDERS[self.sort], "DESC" if self.descending else "ASC"
        ordered = f"ORDER BY {order} {way} NULLS LAST, r.id {way}"
        needed = _FROM if "p." in where + order else "FROM runs r"
        return f"SELECT r.id {needed} WHERE {where} {ordered}", values | {"bundle": bundle}

    @staticmethod
    def some(ids: Sequence[int], bundle: str | None) -> Query:
        """Return the query of some runs, in any order.

        Parameters
        ----------
        ids
            Of the runs.
        bundle
            Whose predictions count.
        """
        chosen = "r.id IN (SELECT value FROM json_each(:ids))"
        return f"SELECT {_COLUMNS} {_FROM} WHERE {chosen}", {
            "bundle": bundle,
            "ids": json.dumps(list(ids)),
        }

    def _where(self) -> Query:
        """Return conditions and their values."""
        values: dict[str, object] = {}

        def value(given: object) -> str:
            values[name := f"value_{len(values)}"] = given
            return f":{name}"

        # "%" and "_" mean themselves
        parts = [f"instr(r.words, {value(word)})" for word in self.search.casefold().split()]
        if self.call is not None:
            family, call = self.call
            letters = f"substr(p.calls, {FAMILIES.index(family) + 1}, 1)" if family else "p.calls"
            parts.append(f"instr({letters}, {value(call[0])})")
        if self.labelled is not None:
            parts.append(f"r.labels IS {'NOT ' if self.labelled else ''}NULL")
        if self.flagged is not None:
            parts.append(f"p.flagged = {value(self.flagged)}")
        if self.stale is not None:
            parts.append(f"p.bundle IS {'NOT ' if self.stale else ''}:bundle")
        if self.name:
            parts.append(f"r.name = {value(self.name)}")
        if self.among is not None:
            ids = value(json.dumps(list(self.among)))
            parts.append(f"r.id IN (SELECT value FROM json_each({ids}))")
        return " AND ".join(parts) or "1", values
