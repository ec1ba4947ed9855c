"""`load_predictor`: a trained model from its files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from egams.errors import ArtifactError, ConfigError
from egams.models.evidence import NEIGHBOURS, Shared, WithEvidence, load_neighbours
from egams.models.network import ModelSettings
from egams.models.predictor import Predictor
from egams.models.registry import registered


def load_predictor(
    files: Mapping[str, Path], settings: ModelSettings, shared: Shared | None = None
) -> Predictor:
    """Read a trained model.

    Parameters
    ----------
    files
        Where each file stands that `Predictor.save` wrote, by name.
    shared
        Neighbours that were loaded already, by file; those loaded here join them.

    Raises
    ------
    ArtifactError
        If a file is missing or does not fit the settings.
    ConfigError
        If it needs an extra of egams that is not installed.
    """
    try:
        predictor = registered()[settings.kind].load(files, settings)
        if NEIGHBOURS not in files:
            return predictor
        neighbours = load_neighbours(files[NEIGHBOURS], {} if shared is None else shared)
        return WithEvidence(predictor, neighbours)
    except ConfigError:
        raise
    except Exception as error:
        places = ", ".join(sorted({str(path.parent) for path in files.values()}))
        raise ArtifactError(
            f"{places or 'a member'}: the {settings.kind} in it cannot be read "
            f"({type(error).__name__}: {error}). "
            "Copy or make it again, or install the egams that made it."
        ) from error
