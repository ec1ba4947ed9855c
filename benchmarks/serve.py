"""The workbench under load: several clients send files at once, while somebody looks at the page.

    python benchmarks/serve.py [--clients 8] [--files 200] [--runs SOURCE]

Starts `egams serve` on an empty library. Each client sends its files one after the other, and all
have to end predicted; meanwhile the page, the status and the list of runs are requested five times
a second. Prints how many runs a second were predicted beside `egams predict` of the same files (one
process, `--jobs 1`), how long the page took to answer, and the memory of the server over time.
Files are simulated runs, or those of SOURCE; where there are fewer than are sent, they differ by
blank lines at the end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import threading
import time
from itertools import islice
from pathlib import Path

import httpx
import numpy as np

from egams.io import open_source, write_csv
from egams.simulate import simulate_runs

DISTINCT = 60
EVERY = 0.2
LOOKED_AT = ("/", "/api/status", "/api/runs?limit=50")
EGAMS = (sys.executable, "-m", "egams")


def main() -> None:
    """Send, look, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--files", type=int, default=200, help="of each client")
    parser.add_argument("--runs", type=Path, help="source of runs; simulated if left out")
    arguments = parser.parse_args()
    total = arguments.clients * arguments.files
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = written(folder / "runs", arguments.runs, min(DISTINCT, total))
        alone = by_the_command_line(folder / "runs", len(paths))
        print(f"egams predict --jobs 1 of {len(paths)} files: {alone:.1f} runs/s")
        served = Served(folder / "lab.db")
        try:
            seconds = load(served, paths, arguments.clients, arguments.files)
            rate = total / seconds
            print(f"{arguments.clients} clients, {arguments.files} files each: {total} predicted")
            print(f"  {rate:.1f} runs/s, {rate / alone:.2f} times the command line")
            served.say()
            refuse_what_is_lost(served, total)
        finally:
            served.process.terminate()
            served.process.wait()


def written(folder: Path, source: Path | None, count: int) -> list[Path]:
    """Write runs as CSVs."""
    folder.mkdir()
    if source is None:
        runs = simulate_runs(count, np.random.default_rng(0))
    else:
        opened = open_source(source)
        runs = map(opened.load, islice(opened.ids, count))
    paths = []
    for run in runs:
        paths.append(folder / f"{run.run_id}.csv")
        write_csv(run, paths[-1])
    return paths


def by_the_command_line(folder: Path, count: int) -> float:
    """Runs a second of `egams predict`, start of the process included."""
    start = time.perf_counter()
    command = [*EGAMS, "predict", str(folder), "--jobs", "1", "-o", str(folder / "a.json")]
    subprocess.run(command, check=True, capture_output=True)
    return count / (time.perf_counter() - start)


class Served:
    """A server that is looked at while it works."""

    def __init__(self, library: Path) -> None:
        command = [*EGAMS, "serve", "--library", str(library), "--no-browser"]
        start = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        found = re.search(r"http://\S+", self.process.stdout.readline())
        assert found is not None
        self.address = found[0]
        httpx.get(self.address)
        print(f"ready after {time.perf_counter() - start:.2f} s")
        self.took: dict[str, list[float]] = {path: [] for path in LOOKED_AT}
        self.memory: list[float] = []

    def look(self, ended: threading.Event) -> None:
        """Request what a person looks at, until the load ends."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            while not ended.wait(EVERY):
                for path in LOOKED_AT:
                    start = time.perf_counter()
                    client.get(path).raise_for_status()
                    self.took[path].append(time.perf_counter() - start)
                self.memory.append(resident(self.process.pid))

    def say(self) -> None:
        """Print how long answers took, and the memory."""
        for path, took in self.took.items():
            p50, p99 = np.quantile(took, [0.5, 0.99])
            print(
                f"  GET {path}: {len(took)} times, {p50:.3f} s, p99 {p99:.3f}, max {max(took):.3f}"
            )
        quarters = [part.mean() for part in np.array_split(np.array(self.memory), 4)]
        shown = ", ".join(f"{mean:.0f}" for mean in quarters)
        print(f"  memory in quarters: {shown} MiB, at most {max(self.memory):.0f}")


def load(served: Served, paths: list[Path], clients: int, files: int) -> float:
    """Send all files, wait until they are predicted; seconds."""
    ended = threading.Event()
    looking = threading.Thread(target=served.look, args=(ended,))
    senders = [
        threading.Thread(target=send, args=(served.address, paths, number * files, files))
        for number in range(clients)
    ]
    start = time.perf_counter()
    for thread in (looking, *senders):
        thread.start()
    for sender in senders:
        sender.join()
    print(f"all sent after {time.perf_counter() - start:.1f} s")
    while True:
        counts = httpx.get(f"{served.address}api/status", timeout=60).json()["work"]
        if counts["queued"] + counts["working"] == 0:
            break
        time.sleep(EVERY)
    seconds = time.perf_counter() - start
    ended.set()
    looking.join()
    return seconds


def send(address: str, paths: list[Path], first: int, files: int) -> None:
    """Send files one after the other, each another content."""
    with httpx.Client(base_url=address, timeout=120) as client:
        for number in range(first, first + files):
            path = paths[number % len(paths)]
            content = path.read_bytes() + b"\n" * (number // len(paths))
            named = {"file": (f"{number}.csv", content)}
            client.post("/api/files", files=named).raise_for_status()


def refuse_what_is_lost(served: Served, total: int) -> None:
    """See that every file became one run with an answer."""
    found: set[str] = set()
    for offset in range(0, total, 1000):
        query = {"limit": 1000, "offset": offset}
        page = httpx.get(f"{served.address}api/runs", params=query, timeout=60).json()
        found |= {run["file"] for run in page["runs"] if len(run["calls"]) == 10}
        assert page["total"] == total
    assert found == {f"{number}.csv" for number in range(total)}
    print("  nothing lost: every file is one run with an answer")


def resident(pid: int) -> float:
    """Memory of a process, MiB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmRSS:\s+(\d+)", text)
    return 0.0 if found is None else int(found[1]) / 1024


if __name__ == "__main__":
    main()
