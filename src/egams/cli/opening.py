"""`Opening`: the options of every command that reads runs, and how they open a source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from egams.cli.options import (
    Columns,
    Labels,
    Metadata,
    Offset,
    OfInstrument,
    RampEnd,
    RampHold,
    RampRate,
    RampStart,
    Split,
    Temperature,
)
from egams.errors import ConfigError

if TYPE_CHECKING:
    from egams.io import Ramp

Command = Callable[..., None]


@dataclass(frozen=True)
class Opening:
    """How runs are read, as the options state it."""

    metadata: Metadata = None
    labels: Labels = None
    instrument: OfInstrument = None
    columns: Columns = None
    temperature: Temperature = None
    offset: Offset = None
    ramp: RampRate = None
    start: RampStart = None
    hold: RampHold = 0.0
    end: RampEnd = None
    split: Split = None

    @property
    def files(self) -> tuple[Path | None, ...]:
        """Inputs beside the source, which no output may replace."""
        return self.metadata, self.labels, self.temperature

    @property
    def heated(self) -> Path | Ramp | None:
        """Where the temperature is from.

        Raises
        ------
        ConfigError
            If the options do not go together.
        """
        from egams.io import Ramp

        if (self.ramp is None) != (self.start is None):
            raise ConfigError("--ramp RATE and --start DEGC need each other.")
        if self.temperature is not None and self.ramp is not None:
            raise ConfigError("--temperature and --ramp both state the temperature: leave out one.")
        if self.ramp is None or self.start is None:
            if self.hold or self.end is not None:
                raise ConfigError("--hold and --end belong to a ramp: --ramp RATE --start DEGC.")
            return self.temperature
        return Ramp(self.ramp, self.start, self.hold, self.end)

    def settings(self) -> dict[str, Any]:
        """Return what `egams.read` and `egams.io.open_source` are given; errors as `heated`."""
        names = ("metadata", "labels", "instrument", "columns", "offset", "split")
        return {name: getattr(self, name) for name in names} | {"temperature": self.heated}


def opens(*without: str) -> Callable[[Command], Command]:
    """Let a command that takes an `opening` take the options it is of, spelled out for Typer.

    Parameters
    ----------
    without
        Options that the command has not.
    """

    def spelled(command: Command) -> Command:
        names = [field.name for field in fields(Opening) if field.name not in without]
        hints = get_type_hints(Opening, include_extras=True)
        options = [
            Parameter(
                name, Parameter.KEYWORD_ONLY, default=getattr(Opening, name), annotation=hints[name]
            )
            for name in names
        ]
        own = signature(command, eval_str=True).parameters.values()
        taken = [each for one in own for each in (options if one.name == "opening" else [one])]

        @wraps(command)
        def spelled_out(**given: Any) -> None:
            opening = Opening(**{name: given.pop(name) for name in names})
            command(opening=opening, **given)

        spelled_out.__annotations__ = {each.name: each.annotation for each in taken}
        spelled_out.__dict__.update(__signature__=Signature(taken))
        return spelled_out

    return spelled
