"""`Search`: which runs, in which order, as SQL that is fast for tens of thousands."""

from __future__ import annotations

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
_FROM = """FROM runs r LEFT JOIN predicted p ON p.run = r.id AND p.bundle = coalesce(
    (SELECT bundle FROM predicted WHERE run = r.id AND bundle = ?),
    (SELECT bundle FROM predicted WHERE run = r.id ORDER BY made DESC LIMIT 1))"""
_COLUMNS = f"r.*, p.bundle, p.made AS predicted, {whole('runs', 'r')}, {whole('predicted', 'p')}"
Query = tuple[str, tuple[object, ...]]


@dataclass(frozen=True)
class Search:
    """What is asked of the runs; see `egams.library.runs.Runs.runs`.

    Parameters
    ----------
    search, call, labelled, flagged, sort, descending, stale
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

    def __post_init__(self) -> None:
        asked = [("order", self.sort, tuple(_ORDERS))]
        if self.call is not None:
            asked += [("family", self.call[0], FAMILIES), ("call", self.call[1], CALLS)]
        for what, given, known in asked:
            if given not in known:
                raise InputError(
                    f"there is no {what} '{given}'",
                    expected=", ".join(known),
                    hint=meant(given, known).strip() or None,
                )

    def count(self, bundle: str | None) -> Query:
        """Return the query of how many runs there are.

        Parameters
        ----------
        bundle
            Whose predictions count.
        """
        where, values = self._where(bundle)
        if "p." in where:
            return f"SELECT count(*) {_FROM} WHERE {where}", (bundle, *values)
        return f"SELECT count(*) FROM runs r WHERE {where}", values

    def page(self, bundle: str | None, limit: int, offset: int) -> Query:
        """Return the query of some runs.

        Parameters
        ----------
        bundle
            Whose predictions count.
        limit, offset
            How many, after how many.
        """
        where, values = self._where(bundle)
        order, way = _ORDERS[self.sort], "DESC" if self.descending else "ASC"
        chosen = (
            f"SELECT r.id {_FROM} WHERE {where} ORDER BY {order} {way} NULLS LAST, r.id {way} "
            "LIMIT ? OFFSET ?"
        )
        return (
            f"SELECT {_COLUMNS} {_FROM} WHERE r.id IN ({chosen}) "
            f"ORDER BY {order} {way} NULLS LAST, r.id {way}",
            (bundle, bundle, *values, limit, offset),
        )

    @staticmethod
    def one(id: int, bundle: str | None) -> Query:
        """Return the query of one run.

        Parameters
        ----------
        id
            Of the run.
        bundle
            Whose predictions count.
        """
        return f"SELECT {_COLUMNS} {_FROM} WHERE r.id = ?", (bundle, id)

    def _where(self, bundle: str | None) -> Query:
        parts: list[str] = ["1"]
        values: list[object] = []
        for word in self.search.casefold().split():
            parts.append("instr(r.words, ?)")  # "%" and "_" mean themselves
            values.append(word)
        if self.call is not None:
            family, call = self.call
            parts.append("substr(p.calls, ?, 1) = ?")
            values += [FAMILIES.index(family) + 1, call[0]]
        if self.labelled is not None:
            parts.append(f"r.labels IS {'NOT ' if self.labelled else ''}NULL")
        if self.flagged is not None:
            parts.append("p.flagged = ?")
            values.append(self.flagged)
        if self.stale is not None:
            parts.append(f"p.bundle IS {'NOT ' if self.stale else ''}?")
            values.append(bundle)
        return " AND ".join(parts), tuple(values)
