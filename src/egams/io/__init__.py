"""Reading and writing runs: one way in for every format."""

from egams.io.sniff import open_source, read
from egams.io.source import RunReader, RunSource, SkippedRun
from egams.io.tables.temperature import Ramp
from egams.run_csv import write_csv

__all__ = ["Ramp", "RunReader", "RunSource", "SkippedRun", "open_source", "read", "write_csv"]
