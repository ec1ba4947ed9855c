"""Errors written for the person who reads them: where, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from egams.plain import plain_text

if TYPE_CHECKING:
    from pydantic import ValidationError


class EgamsError(Exception):
    """Base of every error that egams raises on purpose."""


class InputError(EgamsError):
    """A file or a run that cannot be used.

    Parameters
    ----------
    problem
        What is wrong, as a sentence: ``"'temp' holds the text 'hot'"``. It may end with the reason
        of another error; its full stop is not doubled.
    file
        File (or ``archive.zip/member.csv``) the problem is in.
    row
        Line in the file, counted from 1 as an editor counts, header included.
    column
        Column name.
    expected
        What egams expected there.
    hint
        What the reader can do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        column: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem.removesuffix(".")
        self.file = None if file is None else str(file)
        self.row = row
        self.column = column
        self.expected = expected
        self.hint = hint
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        row = None if self.row is None else f"row {self.row}"
        column = None if self.column is None else f"column '{self.column}'"
        place = ", ".join(filter(None, (self.file, row, column)))
        text = f"{place}: {self.problem}" if place else self.problem
        if self.expected:
            text += f"; expected {self.expected}"
        return plain_text(f"{text}. {self.hint}" if self.hint else f"{text}.")

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not survive pickling between workers otherwise.
        where = ("file", "row", "column", "expected", "hint")
        return partial(InputError, **{name: getattr(self, name) for name in where}), (self.problem,)


class ConfigError(EgamsError):
    """A setting that does not exist or holds a value that makes no sense."""


class ArtifactError(EgamsError):
    """A store, checkpoint or bundle that is damaged, incomplete or of another version."""


class ContractError(EgamsError, AssertionError):
    """A model that does not do what egams expects of every model."""


def meant(given: str, known: Iterable[str]) -> str:
    """Ask after the nearest known name: ``" Did you mean 'this'?"``, or nothing.

    Nearest by spelling; else the one whose words begin with these letters (``lr`` for
    ``learning_rate``) or hold this one (``rate``). Of dotted names the last part counts.
    """
    names = {name.rpartition(".")[2]: name for name in reversed(list(known))}
    near = get_close_matches(given, names, 1) or [
        name
        for name, words in ((name, name.split("_")) for name in names)
        if given in words or given == "".join(word[:1] for word in words)
    ]
    return f" Did you mean '{names[near[0]]}'?" if near else ""


def explain(
    error: ValidationError, meant_key: Callable[[Sequence[str | int]], str] = lambda path: ""
) -> str:
    """Say which keys a validation found wrong, and why.

    Parameters
    ----------
    meant_key
        What an unknown key at a path may have meant, as `meant` asks it.
    """
    parts = []
    for entry in error.errors():
        where = ".".join(str(step) for step in entry["loc"])
        problem = entry["msg"].removeprefix("Value error, ")
        if entry["type"] == "extra_forbidden":
            problem = f"there is no such key.{meant_key(entry['loc'])}".rstrip(".")
        parts.append(f"'{where}': {problem}" if where else problem)
    return "; ".join(parts).rstrip("?.") + ("?" if parts[-1].endswith("?") else ".")
