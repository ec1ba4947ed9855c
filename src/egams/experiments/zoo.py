"""Experiments by name: the table that comes with egams, and tables of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from egams.errors import ConfigError, meant
from egams.experiments.experiment import Experiment, Recipe, explain
from egams.yaml_file import read_yaml

BUILT_IN = Path(__file__).with_name("zoo.yaml")
FILES = {".yaml", ".yml", ".json"}


class Family(BaseModel):
    """What experiments have in common.

    Parameters
    ----------
    model, spectrogram, training, evidence, sam_like, missing, seed
        As `Experiment` has them, in part.
    fast, author
        Settings of training of each recipe, beside `training`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: dict[str, Any] = {}
    spectrogram: dict[str, Any] = {}
    training: dict[str, Any] = {}
    fast: dict[str, Any] = {}
    author: dict[str, Any] | None = None
    evidence: bool | None = None
    sam_like: float | None = None
    missing: float | None = None
    seed: int | None = None


class Row(Family):
    """An experiment: what differs from its family.

    Parameters
    ----------
    family
        Its family's name; None where the row says all.
    author_score
        Out-of-fold log loss that the author reports of it.
    """

    family: str | None = None
    author_score: float | None = None


class Table(BaseModel):
    """Families, experiments, and sets of experiments, by name.

    Parameters
    ----------
    sets
        Names of experiments, or patterns like ``1??_*``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    families: dict[str, Family] = {}
    experiments: dict[str, Row]
    sets: dict[str, list[str]] = {}

    def experiment(self, name: str, recipe: str) -> Experiment | None:
        """Expand a row; None where it has no such recipe."""
        row = self.experiments[name]
        layers = [row] if row.family is None else [self.families[row.family], row]
        recipes = [layer.author if recipe == "author" else layer.fast for layer in layers]
        if all(each is None for each in recipes):
            return None
        settings: dict[str, Any] = {"name": name, "recipe": recipe}
        for part in ("model", "spectrogram", "training"):
            settings[part] = _joined(getattr(layer, part) for layer in layers)
        settings["training"] |= _joined(each for each in recipes if each is not None)
        for key in ("evidence", "sam_like", "missing", "seed"):
            for layer in layers:
                if (value := getattr(layer, key)) is not None:
                    settings[key] = value
        return Experiment.model_validate(settings)

    def members(self, name: str) -> list[str]:
        """Names of the experiments of a set, in the order of the set and of the table."""
        found = (self.like(pattern) for pattern in self.sets[name])
        return list(dict.fromkeys(each for some in found for each in some))

    def like(self, pattern: str) -> list[str]:
        """Names of the experiments that fit a pattern like ``13?_*``."""
        return [each for each in self.experiments if fnmatchcase(each, pattern)]


def _joined(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {key: value for part in parts for key, value in part.items()}


@cache
def built_in() -> Table:
    """Read the table that comes with egams."""
    return _checked(BUILT_IN, read_yaml(BUILT_IN), Table(experiments={}))


def experiment_named(name: str, recipe: str = "fast") -> Experiment:
    """Look up the experiment of egams that is called `name`.

    Parameters
    ----------
    recipe
        ``"fast"``, ours; ``"author"``, as the winning solution was trained, where it has it.

    Raises
    ------
    ConfigError
        If there is none of that name, or it has no such recipe.
    """
    table = built_in()
    if name not in table.experiments:
        known = [*table.sets, *table.experiments]
        raise ConfigError(
            f"no experiment '{name}'; 'egams zoo' lists them, and the sets "
            f"{', '.join(table.sets)}; or give a .yaml or .json file.{meant(name, known)}"
        )
    return _with_recipe(table, name, recipe, "")


def experiments_named(names: str | Iterable[str], recipe: str = "fast") -> list[Experiment]:
    """Look up experiments by `names`: names, sets, patterns like ``13?_*``, files of one's own.

    A file holds rows as the table of egams does, whose families they may name, or, as JSON,
    one experiment in full. `recipe` is that of `experiment_named`.

    Returns
    -------
    list of Experiment
        Each once, in the order requested.

    Raises
    ------
    ConfigError
        If one is unknown or has no such recipe, or a file holds an unknown key or a bad value.
    """
    table, found = built_in(), []
    if recipe not in get_args(Recipe):
        raise ConfigError(f"no recipe '{recipe}'; expected {' or '.join(get_args(Recipe))}.")
    for name in [names] if isinstance(names, str) else names:
        if Path(name).suffix in FILES:
            found += _of_file(Path(name), recipe)
        elif name in table.sets:
            found += [experiment_named(each, recipe) for each in table.members(name)]
        elif set(name) & set("*?["):
            matching = table.like(name)
            if not matching:
                raise ConfigError(f"no experiment is like '{name}'; 'egams zoo' lists them.")
            found += [experiment_named(each, recipe) for each in matching]
        else:
            found.append(experiment_named(name, recipe))
    return list({experiment.name: experiment for experiment in found}.values())


def _of_file(path: Path, recipe: str) -> list[Experiment]:
    content = read_yaml(path)
    if isinstance(content, dict) and "experiments" not in content and "name" in content:
        try:
            return [Experiment.model_validate(content)]
        except ValidationError as error:
            raise ConfigError(f"{path}: {explain(error)}") from error
    table = _checked(path, content, built_in())
    return [_with_recipe(table, name, recipe, f"{path}: ") for name in table.experiments]


def _with_recipe(table: Table, name: str, recipe: str, where: str) -> Experiment:
    experiment = table.experiment(name, recipe)
    if experiment is None:
        raise ConfigError(
            f"{where}experiment '{name}' has no recipe of the author's: it is not his. "
            "Leave out --recipe author."
        )
    return experiment


def _checked(path: Path, content: Any, egams: Table) -> Table:
    """Validate a table whose rows may name families of egams, down to every recipe."""
    try:
        own = Table.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error)}") from error
    clashes = [f"family '{name}'" for name in own.families if name in egams.families]
    clashes += [f"experiment '{name}'" for name in own.experiments if name in egams.experiments]
    if clashes:
        raise ConfigError(
            f"{path}: {clashes[0]} is one of egams itself; call yours something else."
        )
    table = own.model_copy(update={"families": {**egams.families, **own.families}})
    for name, row in table.experiments.items():
        if row.family is not None and row.family not in table.families:
            raise ConfigError(
                f"{path}, experiment '{name}': no family '{row.family}'."
                f"{meant(row.family, table.families)}"
            )
        for recipe in get_args(Recipe):
            try:
                table.experiment(name, recipe)
            except ValidationError as error:
                raise ConfigError(f"{path}, experiment '{name}': {explain(error)}") from error
    for name, patterns in table.sets.items():
        for pattern in patterns:
            if not table.like(pattern):
                raise ConfigError(
                    f"{path}, set '{name}': no experiment '{pattern}'."
                    f"{meant(pattern, table.experiments)}"
                )
    return table
