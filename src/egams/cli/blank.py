"""The blank that options of a command state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from egams.errors import ConfigError

if TYPE_CHECKING:
    from egams.cli.opening import Opening
    from egams.run import Run


def blank_of(file: Path | None, own: Path | None, opening: Opening) -> Run | None:
    """Return the blank that the options state.

    Parameters
    ----------
    file, own
        Values of ``--blank`` and ``--blank-temperature``.
    opening
        Of the runs; a ramp counts for the blank too, a curve does not.

    Raises
    ------
    ConfigError
        If they do not go together.
    InputError
        If the file holds no run with a temperature.
    """
    from egams.io import Ramp, open_source
    from egams.io.csv_source import CsvSource

    if file is None:
        if own is not None:
            raise ConfigError("--blank-temperature belongs to a blank: --blank FILE.")
        return None
    how: dict[str, Any] = {"columns": opening.columns, "instrument": opening.instrument}
    if own is not None:
        how |= {"temperature": own, "offset": opening.offset}
    source = open_source(file, **how)
    if len(source.ids) != 1:
        raise ConfigError(f"{file}: holds {len(source.ids)} runs; expected one blank.")
    lacking = isinstance(source, CsvSource) and source.recording(source.ids[0]).temp is None
    if lacking and isinstance(ramp := opening.heated, Ramp):
        source = open_source(file, temperature=ramp, offset=opening.offset, **how)
    elif lacking:
        raise ConfigError(
            f"{file}: the blank has no temperature. State it: --blank-temperature FILE, or --ramp "
            "RATE --start DEGC for both."
        )
    return source.load(source.ids[0])
