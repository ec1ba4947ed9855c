"""Spoilt and forged files by the thousand: `make fuzz MINUTES=5`; Ctrl-C ends it after a round.

Mutants are tried in a process of their own, so that one that kills it is counted too. What should
come of one: a refusal in words, or what the whole files give. Nothing may stay: no file that was
not there before, no file that has changed, and no process.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz_changes import Files
from fuzz_kinds import Kind, kinds

from egams.errors import EgamsError

SLICE, SLICE_SECONDS = 500, 1.0
"""Mutants of one kind before the next kind's turn, and what they may take of a processor."""
SECONDS = 30
"""That one mutant may take."""
GOOD = ("refused", "read", "same")


def names_in(folder: str, prefix: str = "") -> Iterator[str]:
    with os.scandir(folder) as found:
        for each in found:
            if each.is_dir(follow_symlinks=False):
                yield from names_in(each.path, f"{prefix}{each.name}/")
            else:
                yield prefix + each.name


def contents(folder: Path) -> Files:
    return {name: (folder / name).read_bytes() for name in sorted(names_in(str(folder)))}


def put(files: Files, folder: Path) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


class Trial:
    """A copy of the files of a kind, in which one mutant is tried after the other.

    Parameters
    ----------
    kind
        Of the files.
    expected
        What its whole files give.
    place
        Of the copy.
    """

    def __init__(self, kind: Kind, expected: Any, place: Path) -> None:
        self.kind, self.expected, self.place = kind, expected, place
        self.lay()
        self.whole = contents(place)

    def lay(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(self.kind.folder, self.place)

    def tried(self, seed: tuple[int, ...]) -> str:
        """Change some files, use them, and say what came of it."""
        changed = self.kind.change(self.whole, np.random.default_rng(seed))
        put(changed, self.place)
        came = self.came(f"of {next(iter(changed))} at {seed}")
        put({name: self.whole[name] for name in changed}, self.place)
        differ = set(names_in(str(self.place))) ^ set(self.whole)
        if differ:
            self.lay()
            return f"files left at {seed}: {sorted(differ)}"
        return came

    def came(self, what: str) -> str:
        try:
            found = self.kind.use(self.place)
        except EgamsError:
            return "refused"
        except Exception:
            return f"traceback {what}: {traceback.format_exc(limit=-3)!r}"
        if not self.kind.exact:
            return "read"
        return "same" if found == self.expected else f"silent other answer {what}"

    def all_as_before(self, seed: tuple[int, ...]) -> Iterator[str]:
        if contents(self.place) != self.whole:
            yield f"files changed at {seed}"


def slice_of(kind: Kind, expected: Any, seed: int, first: int, place: Path) -> Iterator[str]:
    """Try some mutants in a process of their own; begin another where one kills it."""
    done, killed = 0, True
    while killed and done < SLICE:
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            os.setpgid(0, 0)
            gc.freeze()
            warnings.simplefilter("error", RuntimeWarning)
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1), os.dup2(quiet, 2)
            trial = Trial(kind, expected, place)
            with os.fdopen(theirs, "w") as out:
                ends = time.process_time() + SLICE_SECONDS
                for number in range(done, SLICE):
                    if time.process_time() > ends:
                        break
                    signal.alarm(SECONDS)
                    out.write(json.dumps(trial.tried((seed, first + number))) + "\n")
                    out.flush()
                for came in trial.all_as_before((seed, first + SLICE)):
                    out.write(json.dumps(came) + "\n")
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as lines:
            for line in lines:
                done += 1
                yield json.loads(line)
        status = os.waitpid(child, 0)[1]
        killed = os.WIFSIGNALED(status)
        if killed:
            name = signal.Signals(os.WTERMSIG(status)).name
            what = "too slow" if name == "SIGALRM" else f"crash by {name}"
            yield f"{what} at {(seed, first + done)}"
            done += 1
        if ended_those_left(child):
            yield f"processes left at {(seed, first + done)}"


def ended_those_left(group: int) -> bool:
    """End the processes that a process group still has; whether there were any."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def fuzz(
    found: Mapping[str, Kind], seed: int, until: Callable[[int], bool], place: Path
) -> Counter:
    """Try slices of every kind in turn until `until` of their number is true."""
    counts: Counter[tuple[str, str]] = Counter()
    expected = {name: kind.use(kind.folder) if kind.exact else None for name, kind in found.items()}
    rounds = 0
    while not until(rounds):
        for name, kind in found.items():
            first = rounds * SLICE
            for came in slice_of(kind, expected[name], seed, first, place / "tried"):
                counts[name, came if came in GOOD else came.split(" at ")[0].split(" of ")[0]] += 1
                if came not in GOOD:
                    print(f"{name}: {came}", flush=True)
        rounds += 1
        print(f"{sum(counts.values())} mutants: {dict(total(counts))}", flush=True)
    return counts


def total(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, came), count in counts.items():
        found[came] += count
    return found


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--minutes", type=float, default=1)
    given.add_argument("--seed", type=int, default=0)
    given.add_argument("--only", default="", help="beginnings of kinds' names, by commas")
    settings = given.parse_args()
    ends, interrupts = time.monotonic() + 60 * settings.minutes, list[int]()
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    wanted = tuple(settings.only.split(","))
    with tempfile.TemporaryDirectory() as folder:
        found = {name: kind for name, kind in kinds(Path(folder)) if name.startswith(wanted)}
        counts = fuzz(
            found,
            settings.seed,
            lambda _: bool(interrupts) or time.monotonic() > ends,
            Path(folder),
        )
    for (name, came), count in sorted(counts.items()):
        print(f"{count:>9,} {came:<24} {name}")
    if set(total(counts)) - set(GOOD):
        sys.exit(1)


if __name__ == "__main__":
    main()
