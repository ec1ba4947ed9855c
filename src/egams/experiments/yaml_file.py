"""YAML as its version 1.2 has it, and JSON, which is YAML too."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from egams.errors import ConfigError

NUMBER = r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"


def read_yaml(path: Path) -> Any:
    """Read a file.

    Unlike YAML 1.1, to which PyYAML keeps: ``yes`` and ``no`` are words, ``1e-3`` is a number,
    ``100_5`` is a name. A key that stands twice is refused.

    Raises
    ------
    ConfigError
        If it cannot be read, or is no YAML.
    """
    import yaml

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_loader())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is no YAML ({' '.join(str(error).split())}).") from error


def _loader() -> type[Any]:
    import yaml

    class Loader(yaml.SafeLoader):
        """Strict about keys, and free of the surprises of version 1.1."""

        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            keys = [key.value for key, _ in node.value]
            for key, _ in node.value:
                if keys.count(key.value) > 1:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"'{key.value}' stands twice", key.start_mark
                    )
            mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
            return mapping

    for tag, pattern in (
        ("bool", r"true|True|TRUE|false|False|FALSE"),
        ("int", r"[-+]?[0-9]+"),
        ("float", NUMBER),
        ("null", r"~|null|Null|NULL|"),
    ):
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), None
        )
    return Loader
