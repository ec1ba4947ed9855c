"""YAML as its version 1.2 has it, and JSON, which is YAML too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from egams.errors import ConfigError


def read_yaml(path: Path) -> Any:
    """Read a file.

    Raises
    ------
    ConfigError
        If it cannot be read, is no YAML, or holds a key twice.
    """
    try:
        return _parsed(path.read_text(encoding="utf-8"), str(path))
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
        raise ConfigError(f"'{given}' is no setting; expected KEY=VALUE, as training.epochs=3.")
    return key, _parsed(value, f"'{given}'")


def _parsed(text: str, where: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.resolver import VersionedResolver

    class Resolver(VersionedResolver):
        """The core schema of YAML 1.2: ``100_5`` and ``2024-01-01`` are names."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag = super().resolve(kind, value, implicit)
            core = str(tag).rpartition(":")[2] in {"null", "bool", "int", "float"}
            name = isinstance(value, str) and ("_" in value or not core)
            return self.DEFAULT_SCALAR_TAG if name else tag

    reader = YAML(typ="safe", pure=True)
    reader.Resolver = Resolver
    try:
        return reader.load(text)
    except RecursionError as error:
        raise ConfigError(f"{where}: is nested too deeply.") from error
    except (YAMLError, ValueError, LookupError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{where}{line}: is no YAML ({getattr(error, 'problem', error)})."
        ) from error
