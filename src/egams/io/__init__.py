"""Reading and writing runs: one way in for every format."""

from egams.io.readers import Reader, register_reader
from egams.io.sniff import open_source, read
from egams.io.source import RunReader, RunSource, SkippedRun
from egams.io.tables.account import Account
from egams.io.tables.recording import Recording
from egams.io.tables.temperature import Ramp
from egams.run_csv import write_csv

__all__ = [
    "Account",
    "Ramp",
    "Reader",
    "Recording",
    "RunReader",
    "RunSource",
    "SkippedRun",
    "open_source",
    "read",
    "register_reader",
    "write_csv",
]
