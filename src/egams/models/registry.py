"""The one table of models: a kind, its settings, and how a trained one is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, SerializeAsAny

from egams.errors import ArtifactError, ConfigError, meant
from egams.extras import not_installed
from egams.models.answering_network import load_conv1d, load_network
from egams.models.cnn import CnnConfig
from egams.models.conv1d import Conv1dConfig
from egams.models.neighbours import Neighbours, NeighboursConfig
from egams.models.network import ModelSettings, NetworkSettings
from egams.models.predictor import NEIGHBOURS, EvidenceAlone, Predictor, Shared, WithEvidence
from egams.models.recurrent import GruConfig, LstmConfig
from egams.models.trees import CatboostConfig, LightgbmConfig, TreesPredictor
from egams.models.vit import Vit1dConfig, VitConfig

ENTRY_POINTS = "egams.models"

Config = TypeVar("Config", bound=type[NetworkSettings])


@dataclass(frozen=True)
class Kind:
    """A row of the table.

    Parameters
    ----------
    settings
        Of a model; the default of their `kind` names it.
    load
        Reads a trained model from its files, by name, and its settings.
    """

    settings: type[ModelSettings]
    load: Callable[[Mapping[str, Path], Any], Predictor] = load_network

    @property
    def answers_in_onnx(self) -> bool:
        """Whether a bundle holds it as ONNX: any network that egams has no NumPy form of."""
        return self.load is load_network


_KINDS: dict[str, Kind] = {
    "neighbours": Kind(NeighboursConfig, EvidenceAlone.load),
    "lightgbm": Kind(LightgbmConfig, TreesPredictor.load),
    "catboost": Kind(CatboostConfig, TreesPredictor.load),
    "conv1d": Kind(Conv1dConfig, load_conv1d),
    "gru": Kind(GruConfig),
    "lstm": Kind(LstmConfig),
    "cnn": Kind(CnnConfig),
    "vit": Kind(VitConfig),
    "vit1d": Kind(Vit1dConfig),
}


def register_model(config: Config) -> Config:
    """Make a network of one's own known, under the default of its `kind`.

    Usable as a decorator. Processes that train or predict must register it too: put it into a
    module that they import, or name that module in the packaging entry points of the group
    ``egams.models``.

    Parameters
    ----------
    config
        A subclass of `egams.models.network.NetworkSettings`.

    Raises
    ------
    ConfigError
        If it is no such class, has no `kind`, or the kind is another's.
    """
    if not (isinstance(config, type) and issubclass(config, NetworkSettings)):
        raise ConfigError(f"{config!r} is no model; expected a subclass of NetworkSettings.")
    settings: type[ModelSettings] = config
    kind = settings.model_fields["kind"].default
    if not isinstance(kind, str):
        raise ConfigError(
            f"{config.__name__} has no kind; expected a field like kind: Literal['mine'] = 'mine'."
        )
    known = _KINDS.get(kind)
    if known is not None and _home(known.settings) != _home(config):
        raise ConfigError(
            f"{_home(config)}: the kind '{kind}' is that of {_home(known.settings)}. "
            "Choose another."
        )
    _KINDS[kind] = Kind(config)
    return config


def registered() -> Mapping[str, Kind]:
    """All kinds of models: those of egams, of other packages, and of one's own."""
    _load_entry_points()
    return _KINDS


def read_model(given: Any) -> Any:
    """Find the configuration that settings are of: a mapping with a `kind`, or one already.

    Raises
    ------
    ValueError
        If there is no such kind; ValidationError if its settings are wrong.
    """
    if isinstance(given, ModelSettings) or not isinstance(given, Mapping):
        return given
    kinds, kind = registered(), given.get("kind")
    if not isinstance(kind, str):
        raise ValueError(f"names no kind of model; there are {', '.join(kinds)}.")
    if kind not in kinds:
        raise ValueError(
            f"no kind '{kind}' of model; there are {', '.join(kinds)}, and those of your own once "
            f"their module is imported (--import MODULE).{meant(kind, kinds)}"
        )
    return kinds[kind].settings.model_validate(dict(given))


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
        path, known = files[NEIGHBOURS], {} if shared is None else shared
        if path not in known:
            known[path] = Neighbours.load(path)
        return WithEvidence(predictor, known[path])
    except ConfigError:
        raise
    except ModuleNotFoundError as error:
        raise not_installed(error) from error
    except Exception as error:
        places = ", ".join(sorted({str(path.parent) for path in files.values()}))
        raise ArtifactError(
            f"{places or 'a member'}: the {settings.kind} in it cannot be read "
            f"({type(error).__name__}: {error}). "
            "Copy or make it again, or install the egams that made it."
        ) from error


ModelConfig = Annotated[SerializeAsAny[ModelSettings], BeforeValidator(read_model)]
"""Settings of a model of any registered kind."""


def _home(config: type) -> str:
    return f"{config.__module__}.{config.__qualname__}"


@cache
def _load_entry_points() -> None:
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        try:
            register_model(entry.load())
        except Exception as error:
            source = entry.dist.name if entry.dist is not None else "an unknown package"
            raise ConfigError(
                f"{source}: its model '{entry.name}' ({entry.value}) cannot be loaded "
                f"({type(error).__name__}: {error}). Mend or uninstall {source}."
            ) from error
