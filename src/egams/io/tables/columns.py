"""What each column of a table is: decided by its header and unit, or asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from egams.errors import InputError
from egams.io.tables.channels import Channel, channel_of, folded, signal_channel_of
from egams.io.tables.dialect import Grid
from egams.io.tables.hints import ROLES, Hints, split_hint
from egams.io.tables.questions import ask, nothing_recognised
from egams.io.tables.synonyms import (
    ASKED_GASES,
    LOGARITHM,
    NOT_THE_SAMPLE,
    OVEN,
    RELATIVE,
    SAMPLE,
    TOTAL,
    WORDS,
)
from egams.io.tables.units import Quantity, Unit, split_unit, unit_named

RUN_COLUMN = "sample_id"
OPEN_SIGNAL = "may hold a signal, but of which m/z is open"
_UNIT_LENGTH = 4
"""Longest text in brackets at the end of a header that may be a unit egams does not know."""
_MOST_NUMBERED = 20
"""Numbers 1, 2, ... of at most so many columns may count columns instead of being m/z."""


@dataclass(frozen=True)
class Column:
    """A column and what it was taken for.

    Parameters
    ----------
    index
        Its place in the table.
    header
        As the file has it.
    unit
        Its unit; None where none is given.
    by_hand
        Whether the user stated it.
    """

    index: int
    header: str
    unit: Unit | None = None
    by_hand: bool = False

    @property
    def kind(self) -> str:
        """The unit that signals of it are in once they are read; empty where none is given."""
        return self.unit.kind if self.unit else ""


@dataclass(frozen=True)
class Layout:
    """What the columns of a table are.

    Parameters
    ----------
    columns
        The column of each role.
    channels
        In a wide table, the column of each m/z, with the m/z.
    run
        Place of the column of run ids.
    notes
        What was inferred, for the person who reads the answer.
    unused
        Headers of the columns that are left alone.
    """

    columns: dict[Quantity, Column]
    channels: list[tuple[float, Column]] = field(default_factory=list)
    run: int | None = None
    notes: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Candidate:
    column: Column
    name: str
    role: Quantity | None
    channel: Channel | None = None
    odd_unit: str = ""


def layout_of(grid: Grid, hints: Hints, clocks: Sequence[int] = ()) -> Layout:
    """Decide what each column is.

    Parameters
    ----------
    grid
        The table.
    hints
        What the user stated; it takes precedence over headers.
    clocks
        Places of columns that hold times of day.

    Raises
    ------
    InputError
        If two columns may be the same, one may be two things, or what is needed is not there;
        it says how to answer.
    """
    found = [_candidate(grid, i, hints) for i in range(len(grid.names))]
    notes: list[str] = []
    columns = _by_hand(grid, hints)
    taken = {column.index for column in columns.values()}
    named = _named_channels(grid, hints)
    taken |= set(named)
    free = [c for c in found if c.column.index not in taken]
    for role in ROLES:
        of_role = [c for c in free if c.role == role]
        if role == "abundance" and "m/z" not in columns:
            break
        chosen = columns.get(role) or _choose(role, of_role, grid, clocks, notes)
        if chosen:
            columns[role] = chosen
    is_long = "m/z" in columns and "abundance" in columns
    channels = [(mz, c) for mz, c in named.values() if mz is not None]
    inferred = [c for c in free if c.channel and c.column not in columns.values()]
    if not is_long and not channels and not inferred:
        raise nothing_recognised(grid, {role: c.header for role, c in columns.items()})
    if is_long and (channels or any(c.channel.how != "gas" for c in inferred if c.channel)):
        single = [*(c.header for _, c in channels), *(c.column.header for c in inferred)]
        problem = "holds a column of m/z and columns of single m/z"
        raise ask(problem, grid, single[0], f"{single[0]}=unused")
    if not is_long:
        channels += _channels(inferred, grid, notes)
        columns = {role: columns[role] for role in ("time", "temp") if role in columns}
    used = {c.index for c in columns.values()} | {c.index for _, c in channels}
    used |= {i for i, (mz, _) in named.items() if mz is None}
    left = [c for c in found if c.column.index not in used]
    _check_left(left, grid, wide=not is_long)
    run = next((i for i, name in enumerate(grid.names) if folded(name) == RUN_COLUMN), None)
    unused = [c.column.header or f"column {c.column.index + 1}" for c in left]
    return Layout(columns, sorted(channels, key=lambda each: each[0]), run, notes, unused)


def curve_columns(grid: Grid, clocks: Sequence[int]) -> dict[Quantity, Column]:
    """Return the columns of time and temperature of a table that need hold no m/z.

    Parameters
    ----------
    grid
        The table.
    clocks
        Places of columns that hold times of day.

    Raises
    ------
    InputError
        If one of them is not there, or two may be.
    """
    found = [_candidate(grid, i, Hints()) for i in range(len(grid.names))]
    columns: dict[Quantity, Column] = {}
    for role in ("time", "temp"):
        of_role = [c for c in found if c.role == role]
        chosen = _choose(role, of_role, grid, clocks, [])
        if chosen is None:
            raise ask(f"no column of {role} recognised", grid, None, f"{role}=HEADER")
        columns[role] = chosen
    return columns


def _candidate(grid: Grid, index: int, hints: Hints) -> _Candidate:
    header = grid.names[index]
    name, unit, odd = split_unit(header)
    if unit is None and grid.units[index]:
        odd = odd or grid.units[index]
    unit = _given_unit(grid, index)
    odd = "" if unit else odd
    column = Column(index, header, unit)
    if odd and len(odd) <= _UNIT_LENGTH and not re.search(r"\d", odd):
        name = name.removesuffix(f"[{odd}]").removesuffix(f"({odd})").rstrip()
    else:
        odd = ""
    plain = folded(name)
    # A capital T is a temperature, a small t a time, unless a unit decides.
    words = re.findall(r"[^\W\d_]+", folded(re.sub(r"\bT\b", "temp", name)))
    quantity = unit.quantity if unit else None
    if quantity == "temp":
        words = [word for word in words if word != "t"]
    channel = channel_of(name) if quantity in (None, "m/z") else None
    if quantity == "abundance":
        channel = signal_channel_of(name)
    if channel:
        return _Candidate(column, plain, None, channel)
    by_word = [role for role in ROLES if any(re.fullmatch(WORDS[role], word) for word in words)]
    role = _role(by_word, quantity, header, grid, hints)
    return _Candidate(column, plain, role, None, odd if role in ("time", "temp") else "")


def _role(
    by_word: list[Quantity], quantity: Quantity | None, header: str, grid: Grid, hints: Hints
) -> Quantity | None:
    if quantity == "other":
        return None
    if quantity is None and len(by_word) <= 1:
        return by_word[0] if by_word else None
    if quantity is None and by_word == ["m/z", "abundance"]:
        return "abundance"
    if quantity and (not by_word or quantity in by_word or quantity == "m/z"):
        return quantity
    if header in hints.channels or any(split_hint(h)[0] == header for h in hints.columns.values()):
        return None
    if quantity is None:
        meant = " or ".join(by_word)
        raise ask(f"its name may mean {meant}", grid, header, f"{by_word[0]}={header}")
    if (by_word[0], quantity) == ("m/z", "abundance"):
        raise ask(OPEN_SIGNAL, grid, header, f"{header}=18' or '{header}=unused")
    raise ask(
        f"its name says {by_word[0]}, its unit {quantity}", grid, header, f"{quantity}={header}"
    )


def _by_hand(grid: Grid, hints: Hints) -> dict[Quantity, Column]:
    columns = {}
    for role, text in hints.columns.items():
        header, unit = (text, None) if text in grid.names else split_hint(text)
        index = _place(header, grid, hints)
        columns[role] = Column(index, grid.names[index], unit or _given_unit(grid, index), True)
    return columns


def _given_unit(grid: Grid, index: int) -> Unit | None:
    """Return the unit in the header or below it; "18 amu" states none of its signal."""
    unit = split_unit(grid.names[index])[1]
    if unit is None or unit.quantity == "m/z":
        unit = unit_named(grid.units[index])
    return unit


def _place(header: str, grid: Grid, hints: Hints) -> int:
    """Return the place of the column with a header; capitals and blanks may differ."""
    for same in (lambda a: a, folded, lambda a: "".join(folded(split_unit(a)[0]).split())):
        places = [i for i, name in enumerate(grid.names) if same(name) == same(header)]
        if len(places) == 1:
            return places[0]
        if places:
            raise InputError(
                f"{len(places)} columns '{header}'",
                file=grid.file,
                row=grid.header_line,
                expected="it once: rename one in the file",
            )
    shown = ", ".join(f"'{name}'" for name in grid.names[:12])
    raise InputError(
        f"no column '{header}', as {hints.origin} states",
        file=grid.file,
        row=grid.header_line,
        expected=f"one of {shown}" + (", ..." if len(grid.names) > 12 else ""),
    )


def _named_channels(grid: Grid, hints: Hints) -> dict[int, tuple[float | None, Column]]:
    """Return columns whose m/z the user stated; names in a column of m/z are found later."""
    named = {}
    for header, mz in hints.channels.items():
        if header not in grid.names and any(header in row for row in grid.cells):
            continue  # a name in a column of m/z
        index = _place(header, grid, hints)
        unit = _given_unit(grid, index)
        named[index] = (mz, Column(index, grid.names[index], unit, True))
    return named


def _choose(
    role: Quantity, found: list[_Candidate], grid: Grid, clocks: Sequence[int], notes: list[str]
) -> Column | None:
    """Return the column of a role, the best of its candidates if one is."""
    if role == "abundance":
        found = [c for c in found if not _has(TOTAL, c)]
    if role == "temp":
        found = [c for c in found if not _has(NOT_THE_SAMPLE, c)]
    if not found:
        return None
    ranks = [_rank(role, c, clocks) for c in found]
    best = [c for c, rank in zip(found, ranks, strict=True) if rank == min(ranks)]
    if len(best) > 1:
        headers = " and ".join(f"'{c.column.header}'" for c in best)
        answer = f"{role}={best[0].column.header}"
        single = {c.column.header: signal_channel_of(c.name) for c in best}
        if role == "m/z" and all(single.values()):  # "Scan m/z 18", without a unit
            answer = ", ".join(f"{header}={s.mz:g}" for header, s in single.items() if s)
            raise ask(f"{headers} may be signals of an m/z each", grid, None, answer)
        raise ask(f"{headers} may both be the column of {role}", grid, None, answer)
    chosen = best[0]
    if chosen.odd_unit:
        answer = f"{role}={chosen.column.header} [{'degC' if role == 'temp' else 's'}]"
        raise ask(f"its unit '{chosen.odd_unit}' is unknown", grid, chosen.column.header, answer)
    if role == "abundance" and _has(LOGARITHM, chosen):
        raise ask("holds logarithms", grid, chosen.column.header, "abundance=another column")
    if role == "temp" and min(ranks) == 1 and len(found) > 1 and _of_a_part(chosen):
        other = next(c.column.header for c in found if c is not chosen)
        raise ask(
            f"may be of the sample or of a part of the instrument; there is '{other}' too",
            grid,
            chosen.column.header,
            f"temp={chosen.column.header}' or 'temp={other}",
        )
    if role == "temp" and min(ranks) == 2:
        notes.append(f"temperature from '{chosen.column.header}': of the oven, not of the sample")
    elif len(found) > 1:
        others = ", ".join(f"'{c.column.header}'" for c in found if c is not chosen)
        notes.append(f"{role} from '{chosen.column.header}', not from {others}")
    return chosen.column


def _has(words: str, candidate: _Candidate) -> bool:
    return any(re.fullmatch(words, word) for word in re.findall(r"[^\W_]+", candidate.name))


def _of_a_part(candidate: _Candidate) -> bool:
    """Whether words beside that for temperature say of what it is."""
    words = re.findall(r"[^\W\d_]{2,}", candidate.name)
    return any(not re.fullmatch(WORDS["temp"], word) for word in words)


def _rank(role: Quantity, candidate: _Candidate, clocks: Sequence[int]) -> int:
    if role == "temp":
        return 0 if _has(SAMPLE, candidate) else 2 if _has(OVEN, candidate) else 1
    if role == "time":
        clock = 2 if candidate.column.index in clocks else 0
        return clock + (0 if _has(RELATIVE, candidate) else 1)
    return 0


def _channels(found: list[_Candidate], grid: Grid, notes: list[str]) -> list[tuple[float, Column]]:
    channels = [(c.channel.mz, c.column) for c in found if c.channel]
    for place, (mz, column) in enumerate(channels):
        twice = next((other for m, other in channels[:place] if m == mz), None)
        if twice:
            headers = f"'{twice.header}' and '{column.header}'"
            raise ask(f"{headers} are both m/z {mz:g}", grid, None, f"{column.header}=unused")
    bare = sorted(c.channel.mz for c in found if c.channel and c.channel.how == "bare")
    counted = bare in ([*range(len(bare))], [*range(1, len(bare) + 1)])
    if counted and len(bare) == len(found) and 1 < len(bare) <= _MOST_NUMBERED:
        headers = ", ".join(f"{c.column.header}={c.channel.mz:g}" for c in found if c.channel)
        raise ask("the numbers of the columns may be m/z, or count columns", grid, None, headers)
    gases = [c for c in found if c.channel and c.channel.how == "gas"]
    if gases:
        said = ", ".join(f"'{c.column.header}' {c.channel.mz:g}" for c in gases if c.channel)
        notes.append(f"m/z of gases by name: {said}")
    return channels


def _check_left(left: Sequence[_Candidate], grid: Grid, *, wide: bool) -> None:
    """Ask about a column that is a signal of a wide table, but of an unknown m/z."""
    for candidate in left:
        unit = candidate.column.unit
        gas = re.sub(r"[\s_-]+", "", candidate.name) in ASKED_GASES
        # A number in a header that is not understood may be an m/z.
        numbered = candidate.role is None and re.search(r"\d", candidate.name) is not None
        signal = wide and (unit.quantity == "abundance" if unit else gas or numbered)
        if signal and not _has(TOTAL, candidate):
            header = candidate.column.header
            raise ask(OPEN_SIGNAL, grid, header, f"{header}=16' or '{header}=unused")
