"""YAML as its version 1.2 has it, and JSON, which is YAML too."""

from __future__ import annotations

import warnings
from itertools import accumulate
from pathlib import Path
from typing import Any

from egams.errors import ConfigError

LARGEST = 100_000
"""Bytes of text, and values with all aliases written out: a table of one's own is far smaller."""
DEEPEST = 100
"""Brackets within brackets: YAML's reader takes seconds for many, and minutes for more."""


def read_yaml(path: Path) -> Any:
    """Read a file.

    Raises
    ------
    ConfigError
        If it cannot be read, is no YAML, or holds a key twice.
    """
    try:
        return parsed(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no YAML ({error}).") from error


def read_setting(given: str) -> tuple[str, Any]:
    """Read ``KEY=VALUE``, the value as a file has it: ``3``, ``1e-3``, ``[1, 2]``, ``band``.

    Raises
    ------
    ConfigError
        If it is not written so.
    """
    key, equals, value = given.partition("=")
    if not key or not equals:
        raise ConfigError(
            f"'{shortened(given)}' is no setting; expected KEY=VALUE, as training.epochs=3."
        )
    return key, parsed(value, f"'{shortened(given)}'")


def parsed(text: str, where: str) -> Any:
    """Read text.

    Parameters
    ----------
    text
        YAML or JSON.
    where
        What to call it in messages.

    Raises
    ------
    ConfigError
        If it is no YAML, too large, too deep, or holds a key twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError, YAMLWarning
    from ruamel.yaml.resolver import VersionedResolver

    class Resolver(VersionedResolver):
        """The core schema of YAML 1.2: ``100_5`` and ``2024-01-01`` are names."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag = super().resolve(kind, value, implicit)
            core = str(tag).rpartition(":")[2] in {"null", "bool", "int", "float"}
            name = isinstance(value, str) and ("_" in value or not core)
            return self.DEFAULT_SCALAR_TAG if name else tag

    if len(text) > LARGEST:
        raise ConfigError(f"{where}: has {len(text)} characters; expected at most {LARGEST}.")
    if _deepest_bracket(text) > DEEPEST:
        raise ConfigError(f"{where}: is nested too deeply.")
    reader = YAML(typ="safe", pure=True)
    reader.Resolver = Resolver
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", YAMLWarning)  # of a name that is given twice
            found = reader.load(text)
        if _values_in(found, {}) > LARGEST:
            raise ConfigError(f"{where}: holds more than {LARGEST} values; expected fewer.")
        return found
    except RecursionError as error:
        raise ConfigError(f"{where}: is nested too deeply.") from error
    except (YAMLError, YAMLWarning, ValueError, LookupError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{where}{line}: is no YAML ({getattr(error, 'problem', error)})."
        ) from error


def _deepest_bracket(text: str) -> int:
    levels = accumulate((each in "[{") - (each in "]}") for each in text if each in "[]{}")
    return max(levels, default=0)


def _values_in(value: Any, known: dict[int, int]) -> int:
    """Count values as if every alias were written out, but for one within itself."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = 0
        within = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_values_in(each, known) for each in within)
    return known[id(value)]


def shortened(text: str, most: int = 80) -> str:
    """Cut a text that is too long for a message."""
    return text if len(text) <= most else f"{text[:most]}..."
