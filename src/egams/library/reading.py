"""`Reading`: how a file of the library is to be read, as the command line states it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from egams.errors import InputError, meant
from egams.families import INSTRUMENTS, Instrument
from egams.io import Ramp, RunSource, open_source
from egams.library.files import OpenedFile, TemporaryFolder, shown_as


@dataclass(frozen=True)
class Reading:
    """What a person states about a file that does not say it itself.

    Parameters
    ----------
    columns
        What the columns are: ``"time=Zeit/s, temp=Probe [K]"``, or such a mapping; no file.
    ramp, start, hold, end
        A heating program: degC a minute, degC, minutes, degC.
    offset
        Seconds from the start of the recording to that of the curve or program.
    instrument
        Kind of instrument; inferred where it is None.
    temperature
        SHA-256 of a file with the sample's temperature over time.
    temperature_name
        What that file is called.

    Raises
    ------
    InputError
        If a value makes no sense.
    """

    columns: str | Mapping[str, Any] | None = None
    ramp: float | None = None
    start: float | None = None
    hold: float = 0.0
    end: float | None = None
    offset: float | None = None
    instrument: Instrument | None = None
    temperature: str | None = None
    temperature_name: str | None = None

    def __post_init__(self) -> None:
        for name in ("ramp", "start", "hold", "end", "offset"):
            value = getattr(self, name)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, int | float)
            ):
                raise InputError(f"'{name}' holds {value!r}", expected="a number")
        if not isinstance(self.columns, str | Mapping | None) or _names_file(self.columns):
            raise InputError(f"'columns' holds {self.columns!r}", expected="what each column is")
        for name in ("instrument", "temperature", "temperature_name"):
            if not isinstance(value := getattr(self, name), str | None):
                raise InputError(f"'{name}' holds {value!r}", expected="text")
        if self.instrument not in (None, *INSTRUMENTS):
            raise InputError(f"instrument '{self.instrument}'", expected=" or ".join(INSTRUMENTS))
        if (self.ramp is None) != (self.start is None):
            raise InputError("a ramp and its start need each other", expected="both or neither")
        if self.ramp is None and (self.hold or self.end is not None):
            raise InputError("a hold or an end belongs to a ramp", expected="a ramp and its start")
        if self.ramp is not None and self.temperature is not None:
            raise InputError("a ramp and a file both state the temperature", expected="one of them")
        self.program()

    @classmethod
    def of(cls, stated: Mapping[str, Any] | None) -> Reading:
        """Read it as JSON holds it.

        Parameters
        ----------
        stated
            Values by name; those left out or None are not stated.

        Raises
        ------
        InputError
            If a name is unknown, or a value makes no sense.
        """
        known = [field.name for field in fields(cls)]
        for name in stated or {}:
            if name not in known:
                raise InputError(f"there is no '{name}' in a reading.{meant(name, known)}")
        return cls(**{name: value for name, value in (stated or {}).items() if value is not None})

    def details(self) -> dict[str, Any]:
        """As JSON holds it: what was stated and nothing else."""
        usual = asdict(Reading())
        return {name: value for name, value in asdict(self).items() if value != usual[name]}

    def text(self) -> str:
        """As one text, equal for equal readings."""
        return json.dumps(self.details(), sort_keys=True)

    def program(self) -> Ramp | None:
        """Return the heating program, if it states one."""
        if self.ramp is None or self.start is None:
            return None
        return Ramp(self.ramp, self.start, self.hold, self.end)

    def with_temperature(self, sha256: str, name: str) -> Reading:
        """Return it with a file of the temperature, that replaces a program.

        Parameters
        ----------
        sha256
            Of the file.
        name
            What it is called.
        """
        return replace(
            self,
            ramp=None,
            start=None,
            hold=0.0,
            end=None,
            temperature=sha256,
            temperature_name=name,
        )

    def opened(self, content: bytes, name: str, temperature: bytes | None) -> OpenedFile:
        """Open a file so.

        Parameters
        ----------
        content
            Of the file.
        name
            What it is called; says what suffix it has.
        temperature
            Content of the file of the temperature, where it states one.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        folder = TemporaryFolder()
        path = folder.add(content, name, "file")
        curve: Path | Ramp | None = self.program()
        names = None
        with shown_as(path, name):
            if temperature is None:
                source = self._open(path, curve)
            else:
                called = self.temperature_name or "temperature"
                curve = folder.add(temperature, called, "temperature")
                names = (curve.name, called)
                with shown_as(curve, called):
                    source = self._open(path, curve)
        return OpenedFile(source, folder, path, name, names)

    def _open(self, path: Path, temperature: Path | Ramp | None) -> RunSource:
        return open_source(
            path,
            columns=self.columns,
            temperature=temperature,
            offset=self.offset,
            instrument=self.instrument,
        )


def _names_file(columns: object) -> bool:
    """Whether columns are stated by a path, which need not be a path of this machine."""
    return isinstance(columns, str) and columns.strip().endswith((".yaml", ".yml"))
