"""What `egams predict` writes, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from egams.errors import ConfigError


def check_outputs(
    sources: Sequence[Path], output: Path | None, details: Path | None, *, shards: bool
) -> None:
    """Refuse outputs that could not be written, or should not be.

    Parameters
    ----------
    sources
        What is read.
    output, details
        Values of ``--output`` and ``--details``.
    shards
        Whether the output is a folder of shards.

    Raises
    ------
    ConfigError
        If one has an unknown suffix, is a folder, or both are one file.
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


def folders_to_make(*outputs: Path | None) -> list[Path]:
    """Return folders that are not there yet, to be reported when they are made.

    Parameters
    ----------
    *outputs
        Files to write.
    """
    parents = [path.parent for path in outputs if path is not None]
    return [folder for folder in dict.fromkeys(parents) if not folder.exists()]
