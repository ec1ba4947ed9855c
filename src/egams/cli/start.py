"""The `egams` process: how it begins and ends, whatever ends it, without a traceback."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


class Ending(SystemExit):
    """SIGTERM: what is under way is cleaned up on the way out."""


def process() -> NoReturn:
    """Run the command line as a process of its own, which ends without taking torch apart.

    Unloading torch's libraries costs most of a second after the answer is printed; nothing here
    waits for it: files are renamed when they are whole, and workers end with this process.
    """
    interrupts: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    code: object = 0
    try:
        _listen(signal.SIGINT, interrupt)
        _listen(signal.SIGTERM, _terminate)
        sys.unraisablehook = _quietly
        from egams.cli.main import main

        main()
    except SystemExit as end:
        code = end.code
    except BaseException as error:  # an interrupt amid an import may come as another one
        if not interrupts and not isinstance(error, KeyboardInterrupt):
            raise
        _say("interrupted; give the same command again to go on")
        code = INTERRUPTED
    _end(code)


def _listen(number: signal.Signals, answer: Any) -> None:
    if signal.getsignal(number) is not signal.SIG_IGN:  # whoever started this chose so
        signal.signal(number, answer)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Ending(TERMINATED)


def _quietly(lost: sys.UnraisableHookArgs) -> None:
    if issubclass(lost.exc_type, KeyboardInterrupt | Ending):
        number = signal.SIGINT if lost.exc_type is KeyboardInterrupt else signal.SIGTERM
        signal.raise_signal(number)  # it came where nobody could answer: once more
    else:
        sys.__unraisablehook__(lost)


def _end(code: object) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if isinstance(code, str):
        _say(code)
        code = 1
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads it has seen enough
        pass
    except OSError as error:
        from egams.cli.main import in_words
        from egams.cli.options import REFUSED

        _say(in_words(error))
        code = REFUSED
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0)


def _say(message: str) -> None:
    sys.stderr.write(f"egams: {message}\n")
