"""`Reader`: a format of files of one run; and where readers of one's own are made known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from egams.errors import ConfigError, InputError
from egams.io.tables.decode import decode
from egams.io.tables.hints import Hints
from egams.io.tables.recording import Recording

ENTRY_POINTS = "egams.readers"


@dataclass(frozen=True)
class Reader:
    """How files of one format are recognised and read.

    Parameters
    ----------
    name
        What to call the format.
    recognises
        Takes the first bytes of a file, at most 65,536, unpacked; says whether it is of the format.
        It is asked about files of every format, so it should look for what no other has.
    read
        Takes all bytes, what to call the file in messages, and what the user stated about its
        columns; returns what it recorded, or raises `InputError`. Without a temperature, the user
        is asked for one.
    suffixes
        Of files that a folder may hold, beside the usual ones: ``(".xyz",)``.
    """

    name: str
    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, str, Hints], Recording]
    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Text:
    recognises_text: Callable[[str], bool]
    read_text: Callable[[str, str, Hints], Recording]

    def recognises(self, head: bytes) -> bool:
        try:
            return self.recognises_text(decode(head, "")[0])
        except InputError:
            return False

    def read(self, data: bytes, file: str, hints: Hints) -> Recording:
        text, encoding = decode(data, file)
        return self.read_text(text, file, hints).with_dialect(encoding=encoding)


def text_reader(
    name: str,
    recognises: Callable[[str], bool],
    read: Callable[[str, str, Hints], Recording],
    suffixes: tuple[str, ...] = (),
) -> Reader:
    """Return a reader of text in any encoding.

    Parameters
    ----------
    name
        What to call the format.
    recognises
        As that of `Reader`, of the first characters.
    read
        As that of `Reader`, of the whole text.
    suffixes
        As those of `Reader`.
    """
    text = _Text(recognises, read)
    return Reader(name, text.recognises, text.read, suffixes)


_REGISTERED: dict[str, Reader] = {}


def register_reader(reader: Reader) -> Reader:
    """Make a reader of one's own known; it goes before those of egams.

    An installed package names it in the entry points of the group ``egams.readers`` instead, so
    that every process knows it.

    Parameters
    ----------
    reader
        The reader; its functions must be those of a module, so that worker processes find them.

    Raises
    ------
    ConfigError
        If it is no `Reader`.
    """
    if not isinstance(reader, Reader):
        raise ConfigError(f"{reader!r} is no reader; expected an egams.io.Reader.")
    _REGISTERED[reader.name] = reader
    return reader


def registered_readers() -> tuple[Reader, ...]:
    """Return the readers that this process registered, those of packages left out."""
    return tuple(_REGISTERED.values())


@cache
def packaged_readers() -> tuple[Reader, ...]:
    """Return the readers that installed packages name in their entry points.

    Raises
    ------
    ConfigError
        If one cannot be loaded, or is no `Reader`.
    """
    from importlib.metadata import entry_points

    found = []
    for entry in entry_points(group=ENTRY_POINTS):
        source = entry.dist.name if entry.dist is not None else "an unknown package"
        try:
            reader = entry.load()
        except Exception as error:  # whatever a package raises when it is imported
            raise ConfigError(
                f"{source}: its reader '{entry.name}' ({entry.value}) cannot be loaded "
                f"({type(error).__name__}: {error}). Mend or uninstall {source}."
            ) from error
        if not isinstance(reader, Reader):
            raise ConfigError(
                f"{source}: its reader '{entry.name}' ({entry.value}) is no egams.io.Reader. "
                f"Mend or uninstall {source}."
            )
        found.append(reader)
    return tuple(found)


def own_readers() -> tuple[Reader, ...]:
    """Return all readers of one's own: those registered here, and those of packages."""
    return (*registered_readers(), *packaged_readers())


def own_suffixes() -> tuple[str, ...]:
    """Return suffixes of files that readers of one's own take, in small letters."""
    return tuple(suffix.lower() for reader in own_readers() for suffix in reader.suffixes)
