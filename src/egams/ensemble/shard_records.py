"""Which runs a folder of predictions and each of its shards is of, and that a shard is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from egams.artifact import Artifact, digest_of, written_whole
from egams.errors import ArtifactError

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHARDS = 10**6
RECORD = b"egams"
AGAIN = "Remove it and give the command that predicts it again."


class ShardsManifest(Artifact):
    """What a folder of predictions is of.

    Parameters
    ----------
    bundle, source
        Fingerprints.
    runs
        Number of runs of the source.
    runs_per_shard, draws, seed
        As `egams.ensemble.shards.predict_shards` takes them.
    """

    kind = "predictions"
    format_version = 2
    again = "Remove the folder and predict again."

    bundle: str
    source: str
    runs: Annotated[int, Field(ge=0)]
    runs_per_shard: Annotated[int, Field(ge=1)]
    draws: Annotated[int, Field(ge=1)]
    seed: int

    @property
    def shards(self) -> int:
        """How many."""
        return -(-self.runs // self.runs_per_shard)

    @model_validator(mode="after")
    def _countable(self) -> Self:
        if self.shards > MOST_SHARDS:
            raise ValueError(f"{self.shards} shards; expected at most {MOST_SHARDS}: larger ones")
        return self


class ShardRecord(Artifact):
    """What the schema of a shard keeps.

    Parameters
    ----------
    name
        Of its file.
    job, runs, rows
        Digests of the manifest of its folder, of its run ids, and of its rows.
    """

    kind = "shard"
    format_version = 2
    again = AGAIN

    name: str
    job: str
    runs: str
    rows: str


def write_shard(path: Path, table: pa.Table, job: str, ids: Sequence[str]) -> None:
    """Write a shard whole or not at all.

    Parameters
    ----------
    table
        One row for each of `ids`.
    job
        Digest of the manifest of its folder.
    """
    from pyarrow import parquet

    record = ShardRecord(name=path.name, job=job, runs=_of_runs(ids), rows=_of_rows(table))
    described = table.replace_schema_metadata({RECORD: json.dumps(record.content())})
    with written_whole(path) as temporary:
        parquet.write_table(described, temporary, write_page_checksum=True)


def is_done(path: Path, job: str, ids: Sequence[str]) -> bool:
    """Whether a shard is there.

    Raises
    ------
    ArtifactError
        If it is unreadable, or of other runs or another job.
    """
    from pyarrow import parquet

    if not path.is_file():
        return False
    with _damage_refused(path):
        written = _record_of(parquet.read_schema(path))
    record = ShardRecord.parse(written, path)
    if (record.name, record.job, record.runs) != (path.name, job, _of_runs(ids)):
        raise _of_others(path)
    return True


def read_shard(path: Path, job: str) -> pa.Table:
    """Read a shard.

    Parameters
    ----------
    path
        Its file.
    job
        Digest of the manifest of its folder.

    Raises
    ------
    ArtifactError
        If it is damaged, or of other runs or another job.
    """
    from pyarrow import parquet

    with _damage_refused(path):
        with parquet.ParquetFile(path, page_checksum_verification=True) as opened:
            table = opened.read(use_threads=False)  # few rows: threads would wait
        rows, written = _of_rows(table), _record_of(table.schema)
    record = ShardRecord.parse(written, path)
    if (record.name, record.job) != (path.name, job):
        raise _of_others(path)
    if record.rows != rows:
        raise ArtifactError(f"{path}: is damaged: its rows and their digest differ. {AGAIN}")
    return table


def _of_others(path: Path) -> ArtifactError:
    return ArtifactError(f"{path}: holds predictions of other runs. {AGAIN}")


@contextmanager
def _damage_refused(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, TypeError, ValueError, LookupError, MemoryError, pa.ArrowException) as error:
        raise ArtifactError(
            f"{path}: cannot be read as a shard of predictions ({error}). {AGAIN}"
        ) from error


def _record_of(schema: pa.Schema) -> bytes:
    return bytes((schema.metadata or {}).get(RECORD, b"{}"))


def _of_runs(ids: Sequence[str]) -> str:
    return digest_of({"runs": list(ids)})


def _of_rows(table: pa.Table) -> str:
    return digest_of({"rows": table.to_pylist()})
