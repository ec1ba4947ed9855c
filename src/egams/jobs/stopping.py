"""Stopping trainings between two epochs, so that they can go on another day."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from egams.errors import EgamsError


class StoppedError(EgamsError):
    """A training stopped on request; its checkpoint holds all that was done.

    Parameters
    ----------
    signal
        Number of the signal that requested it; None where the time was up.
    """

    def __init__(self, message: str, signal: int | None = None) -> None:
        super().__init__(message)
        self.signal = signal


def never() -> bool:
    """Request no stop."""
    return False


class StopRequest:
    """True from the moment a signal arrives or the time is up.

    Parameters
    ----------
    deadline
        On the clock of `time.monotonic`; None for no limit.
    """

    def __init__(self, deadline: float | None = None) -> None:
        self.signal: int | None = None
        self._deadline = deadline

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.signal is not None or self.time_is_up

    @property
    def time_is_up(self) -> bool:
        """Whether the time is up."""
        return self._deadline is not None and time.monotonic() >= self._deadline


@contextmanager
def stop_on_signals(deadline: float | None = None) -> Iterator[StopRequest]:
    """Let Ctrl-C and SIGTERM request a stop within the block; the second one ends it at once.

    Outside the main thread, where Python receives no signals, only the time counts; and so it is
    for a signal that whoever started this process chose to ignore.
    """
    request = StopRequest(deadline)
    before: dict[int, Any] = {}

    def listen(number: int, _frame: Any) -> None:
        if request.signal is not None:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        request.signal = number

    if threading.current_thread() is threading.main_thread():
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, listen)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
