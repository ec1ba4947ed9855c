"""Modules of one's own that register models, imported here and wherever jobs run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from egams.errors import ConfigError


@dataclass(frozen=True)
class OwnModule:
    """A module by its name, and the folder it may be in."""

    name: str
    folder: str

    def load(self) -> str | None:
        """Import it, once a process, and say which file it is."""
        if self.folder not in sys.path:
            sys.path.append(self.folder)
        return importlib.import_module(self.name).__file__


_IMPORTED: dict[OwnModule, None] = {}


def import_own(given: str) -> None:
    """Import a module by its name, from the current folder too, or by the path of its file.

    Raises
    ------
    ConfigError
        If it cannot be imported, or another module has the name of the file.
    """
    path = Path(given).resolve()
    is_file = path.suffix == ".py"
    name, folder = (path.stem, path.parent) if is_file else (given, Path.cwd())
    module = OwnModule(name, str(folder))
    try:
        found = module.load()
    except Exception as error:  # whatever a module of one's own raises
        raise ConfigError(
            f"'{given}' cannot be imported ({type(error).__name__}: {error}). Expected a module by "
            "its name, or the path of a .py file; --debug shows where it fails."
        ) from error
    if is_file and found != str(path):
        raise ConfigError(f"'{given}': another module is called '{path.stem}'; rename the file.")
    _IMPORTED[module] = None


def own_modules() -> tuple[OwnModule, ...]:
    """All that `import_own` has imported, for processes that should import it too."""
    return tuple(_IMPORTED)


def load_all(modules: Iterable[OwnModule]) -> None:
    """Import in a worker what the process that has jobs for it imported."""
    for module in modules:
        module.load()
