"""What `egams predict` writes, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from egams.cli.foreign_output import refuse_foreign
from egams.errors import ConfigError

if TYPE_CHECKING:
    from egams.ensemble.predictions import Predictions


def check_outputs(
    inputs: Sequence[Path | None],
    output: Path | None,
    details: Path | None,
    *,
    shards: bool,
    force: bool = False,
) -> None:
    """Refuse outputs that could not be written, or should not be.

    Parameters
    ----------
    inputs
        All files and folders that are read.
    output, details
        Values of ``--output`` and ``--details``.
    shards
        Whether the output is a folder of shards.
    force
        Value of ``--force``.

    Raises
    ------
    ConfigError
        If one has an unknown suffix, is a folder or an input, was not made by egams, or both are
        one file.
    """
    from egams.ensemble.prediction_files import refuse_suffix

    if shards:
        if output is None or details is not None:
            raise ConfigError(
                "--runs-per-shard writes a folder that holds the details too; expected --output "
                "FOLDER and no --details."
            )
        return
    if output is not None:
        refuse_suffix(output)
    if output is not None and details is not None and output.resolve() == details.resolve():
        raise ConfigError(f"{output}: is both --output and --details. Name two files.")
    for path in filter(None, (output, details)):
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; expected the name of a file.")
        file = next((folder for folder in path.parents if folder.is_file()), None)
        if file is not None:
            raise ConfigError(f"{path}: {file} is a file; expected a folder.")
        refuse_foreign(path, inputs, force=force)


def refuse_beside_shards(shards: bool, executor: str | None, blank: Path | None) -> None:
    """Refuse options that do not go with shards, or not without.

    Parameters
    ----------
    shards
        Whether the output is a folder of shards.
    executor, blank
        Values of ``--executor`` and ``--blank``.

    Raises
    ------
    ConfigError
        If they do not go together.
    """
    if executor is not None and not shards:
        raise ConfigError("--executor runs shards; expected --runs-per-shard beside it.")
    if blank is not None and shards:
        raise ConfigError("--blank and --runs-per-shard do not go together: leave out one.")


def write_outputs(predictions: Predictions, output: Path | None, details: Path | None) -> None:
    """Write what was requested, and print where it is.

    Parameters
    ----------
    predictions
        What to write.
    output, details
        Values of ``--output`` and ``--details``.
    """
    from egams.artifact import write_json
    from egams.cli.show import say

    for folder in dict.fromkeys(path.parent for path in (output, details) if path is not None):
        if not folder.exists():
            say(f"made the folder {folder}")
    if output is not None:
        predictions.save(output)
        say(f"predictions in {output}")
    if details is not None:
        write_json(details, predictions.details())
        say(f"details in {details}")
