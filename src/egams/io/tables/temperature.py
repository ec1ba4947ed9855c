"""Temperature of the sample from elsewhere: a balance's or logger's curve, or a heating program."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from egams.arrays import FloatArray
from egams.errors import InputError
from egams.io.tables.cells import DAY
from egams.io.tables.recording import Curve, Recording

COVERED = 0.9
"""A curve belongs where it overlaps with so much of the shorter of the two recordings."""

ROUNDING = 1e-3
"""Times that differ by no more are one time, s."""


@dataclass(frozen=True)
class Ramp:
    """A heating program: hold, then heat at one rate, then hold.

    Parameters
    ----------
    rate
        degC a minute, above 0.
    start
        Temperature at which it begins, degC.
    hold
        Minutes at `start` before heating.
    end
        Temperature that is not exceeded, degC; None: heated until the recording ends.

    Raises
    ------
    InputError
        If a number makes no sense.
    """

    rate: float
    start: float
    hold: float = 0.0
    end: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1e4:
            raise InputError(f"a ramp of {self.rate:g} degC a minute", expected="a rate above 0")
        if not -273.15 <= self.start <= 1e4:
            raise InputError(f"a ramp from {self.start:g} degC", expected="a start in degC")
        if not 0 <= self.hold <= 1e5:
            raise InputError(f"a hold of {self.hold:g} minutes", expected="0 minutes or more")
        if self.end is not None and not self.start < self.end <= 1e4:
            raise InputError(f"a ramp to {self.end:g} degC", expected="an end above its start")

    def at(self, time: FloatArray) -> FloatArray:
        """Return the temperature at times since the program began.

        Parameters
        ----------
        time
            s.
        """
        heated = np.clip(time / 60.0 - self.hold, 0.0, None) * self.rate
        temp = self.start + heated
        return temp if self.end is None else np.minimum(temp, self.end)

    def __str__(self) -> str:
        """Return it in words."""
        held = f" after {self.hold:g} min" if self.hold else ""
        end = "" if self.end is None else f" to {self.end:g} degC"
        return f"a ramp of {self.rate:g} degC a minute from {self.start:g} degC{end}{held}"


def joined(recording: Recording, source: Curve | Ramp, offset: float | None) -> Recording:
    """Return readings with the temperature at the time of each of them.

    Readings before or after the curve are left out: nothing is extrapolated. What is stated counts
    instead of a temperature that the recording has, which is noted.

    Parameters
    ----------
    recording
        Readings with times.
    source
        Where the temperature is from.
    offset
        Seconds from the start of the recording to that of the curve or program; None: from the
        clocks of both files, and 0 for a program.

    Raises
    ------
    InputError
        If there are no times or their unit is not given; if the offset has to be asked; if no
        reading lies within the curve.
    """
    time = _times(recording)
    replaced = () if recording.temp is None else ("the file's own temperature is not used",)
    if isinstance(source, Ramp):
        begun = offset or 0.0
        note = f"temperature from {source}, {begun:g} s after the recording began"
        return replace(
            recording,
            temp=source.at(time - begun),
            account=recording.account.noted(note, *replaced),
        )
    start, why = (offset, "as stated") if offset is not None else _offset(recording, source)
    own = time - start
    first, last = source.time[0] - ROUNDING, source.time[-1] + ROUNDING
    within = np.flatnonzero((own >= first) & (own <= last))
    if not within.size:
        raise InputError(
            f"no reading lies within the curve of {source.name}, which begins {start:g} s after"
            " the recording",
            file=recording.file,
            hint="State when it begins: --offset SECONDS.",
        )
    notes = [f"temperature from {source.name}, which begins {start:g} s after the recording: {why}"]
    if within.size < time.size:
        notes.append(f"{time.size - within.size} readings outside that curve left out")
    kept = recording.take(within, *notes, *replaced)
    return replace(kept, temp=np.interp(own[within], source.time, source.temp))


def _times(recording: Recording) -> FloatArray:
    if recording.time is None or not recording.time_known:
        raise InputError(
            "has no times, or they have no unit",
            file=recording.file,
            expected="times to join the temperature with",
            hint="State it: --columns 'time=HEADER [s]' (or [min], [h], [ms]).",
        )
    return recording.time


def _offset(recording: Recording, curve: Curve) -> tuple[float, str]:
    """Return the offset from the clocks, and why; asked where they leave two possibilities."""
    if recording.clock is None or not (curve.stamps or curve.clock is not None):
        raise InputError(
            f"when does the curve of {curve.name} begin? The clocks of the two files do not say it",
            file=recording.file,
            hint="State it: --offset SECONDS, 0 if both began together.",
        )
    time = recording.time
    assert time is not None
    length = float(np.nanmax(time))
    if curve.clock is not None:
        return _apart(curve.clock, recording.clock), "by the clocks of both files"
    lasted = float(curve.time[-1] - curve.time[0])
    stamp = curve.stamps[0]
    places = {
        "start": _apart(stamp, recording.clock),
        "end": _apart(stamp - lasted, recording.clock),
    }
    fit = {
        what: offset
        for what, offset in places.items()
        if min(offset + lasted, length) - max(offset, 0.0) >= COVERED * min(lasted, length)
    }
    said = f"{_clock(stamp)} that {curve.name} states"
    if len(fit) != 1:
        raise InputError(
            f"the time {said} may be the start of its curve or the end",
            file=recording.file,
            hint=f"State it: --offset {places['start']:g} (start) or --offset {places['end']:g}"
            " (end).",
        )
    ((what, offset),) = fit.items()
    other = places["end" if what == "start" else "start"]
    return offset, (
        f"inferred from the clocks, the time {said} being the {what} of the curve (were it the "
        f"other, --offset {other:g}, most of the curve would lie outside the recording)"
    )


def _apart(later: float, earlier: float) -> float:
    """Return seconds between two times of day, at most half a day either way."""
    return (later - earlier + DAY / 2) % DAY - DAY / 2


def _clock(seconds: float) -> str:
    whole = int(seconds) % int(DAY)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
