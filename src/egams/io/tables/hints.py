"""What a user states about the columns of a file: ``--columns``, or ``egams-columns.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from egams.errors import ConfigError, InputError
from egams.io.blob import refuse_no_file
from egams.io.tables.cells import Decimal
from egams.io.tables.units import BY_NAME, Quantity, Unit, unit_named
from egams.yaml_file import read_yaml

FILE = "egams-columns.yaml"
UNUSED = "unused"
OPTION = "--columns"
ROLES: tuple[Quantity, ...] = ("time", "temp", "m/z", "abundance")
_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|", "blank": " "}
_DECIMALS: dict[str, Decimal] = {"comma": ",", "point": "."}


@dataclass(frozen=True)
class Hints:
    """A mapping by hand, as far as it is given.

    Parameters
    ----------
    columns
        Header of the column of each role; it may end in a unit in square brackets.
    channels
        m/z of a column (or of a name in the column of m/z) by its header; None: not used.
    separator, decimal
        Dialect.
    origin
        Where they were stated, for messages.
    """

    columns: Mapping[Quantity, str] = field(default_factory=dict)
    channels: Mapping[str, float | None] = field(default_factory=dict)
    separator: str | None = None
    decimal: Decimal | None = None
    origin: str = OPTION

    def __bool__(self) -> bool:
        """Whether anything is stated."""
        return bool(self.columns or self.channels or self.separator or self.decimal)


def hints_from(given: str | Path | Mapping[str, object] | None) -> Hints:
    """Return what is stated.

    Parameters
    ----------
    given
        ``"time=Zeit/s, temp=Probe [K], m/z=Masse, Water=18, Index=unused"``; such a mapping; or the
        path of a YAML file that holds one.

    Raises
    ------
    InputError
        If it is written otherwise; shows how to write it.
    """
    if given is None:
        return Hints()
    if isinstance(given, Mapping):
        return _hints({str(k): v for k, v in given.items()}, OPTION)
    text = str(given)
    if isinstance(given, Path) or text.endswith((".yaml", ".yml")):
        return _hints(_read(Path(text)), text)
    pairs: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        left, found, right = part.partition("=")
        if left.strip().casefold() not in _KEYS:  # a header may hold "=", a number does not
            left, found, right = part.rpartition("=")
        if not found or not left.strip() or not right.strip():
            raise _refused(f"'{part}'", OPTION)
        if left.strip() in pairs:
            raise InputError(f"'{left.strip()}' is stated twice in {OPTION}", expected="it once")
        pairs[left.strip()] = right.strip()
    return _hints(pairs, OPTION)


def hints_in(folder: Path) -> Hints:
    """Return what ``egams-columns.yaml`` in a folder states, nothing if there is none.

    Parameters
    ----------
    folder
        Where the data files are.

    Raises
    ------
    InputError
        If the YAML file is none, or holds something else.
    """
    beside = folder / FILE
    return hints_from(beside) if beside.is_file() else Hints()


def split_hint(text: str) -> tuple[str, Unit | None]:
    """Return header and unit of ``"Probe [K]"``.

    Parameters
    ----------
    text
        As the user wrote it.
    """
    name, bracket, rest = text.rpartition("[")
    unit = unit_named(rest.rstrip().removesuffix("]")) if bracket and "]" in rest else None
    return (name.strip(), unit) if unit else (text, None)


_KEYS = (*ROLES, "separator", "decimal")


def _refused(what: str, origin: str) -> InputError:
    return InputError(
        f"{what} in {origin} is not understood",
        expected="as 'time=Zeit/s, temp=Probe [K], m/z=Masse, abundance=I': what it is, '=', the"
        " column's header; or a header, '=', its m/z or 'unused'",
        hint=f"Headers with commas go into the file {FILE}, a line each, with ': ' instead of '='.",
    )


def _read(path: Path) -> dict[str, object]:
    refuse_no_file(path)
    try:
        loaded = read_yaml(path)
    except ConfigError as error:
        raise InputError(
            f"cannot be read as YAML ({' '.join(str(error).split())})", file=path
        ) from error
    if not isinstance(loaded, dict):
        raise InputError("holds no mapping", file=path, expected="lines such as 'time: Zeit/s'")
    if any(isinstance(value, list | dict) for value in loaded.values()):
        raise InputError("holds more than lines", file=path, expected="lines such as 'time: t/s'")
    return {str(key): value for key, value in loaded.items()}


def _hints(pairs: Mapping[str, object], origin: str) -> Hints:
    columns: dict[Quantity, str] = {}
    channels: dict[str, float | None] = {}
    dialect: dict[str, str] = {}
    for left, value in pairs.items():
        right, key = str(value).strip(), left.casefold()
        if key in ("separator", "decimal"):
            known = _SEPARATORS if key == "separator" else _DECIMALS
            if right not in known:
                raise InputError(
                    f"'{left}={right}' in {origin}", expected=f"{key}={' or '.join(known)}"
                )
            dialect[key] = known[right]
        elif key in ROLES and right != UNUSED:  # else a column is called so
            columns[key] = right
            unit = split_hint(right)[1]
            if unit and unit.quantity != key:
                units = ", ".join(u.name for u in BY_NAME.values() if u.quantity == key)
                raise InputError(f"'{right}' in {origin}", expected=f"{key} in {units}")
        else:
            channels[left] = None if right == UNUSED else _mz(right, left, origin)
    return Hints(
        columns,
        channels,
        dialect.get("separator"),
        cast("Decimal | None", dialect.get("decimal")),
        origin,
    )


def _mz(text: str, left: str, origin: str) -> float:
    try:
        mz = float(text)
    except ValueError:
        raise _refused(f"'{left}={text}'", origin) from None
    if not 0 <= mz <= 1e5:
        raise InputError(f"m/z {text} of '{left}' in {origin}", expected="0 or more")
    return mz
