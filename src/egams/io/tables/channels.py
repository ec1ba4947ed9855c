"""Headers of single m/z: ``m/z 18``, ``18 amu``, ``QMID(s:1|m:18)``, ``I(18)``, ``Water``."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from egams.io.tables.synonyms import GASES, LOGARITHM, OF_CHANNELS, SAY_MASS, TOTAL

_RATIO = re.compile(r"\bm\s*/\s*[zeq]\b")
_QMID = re.compile(r"\bm:\s*(\d+(?:[.,]\d+)?)")
_TOKEN = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)?")
_AFTER_MZ = re.compile(r"\bmz\s*[:=]?\s*(\d+(?:[.,]\d+)?)(?![\w.])(?P<rest>.*)")
_GAS_THEN_NUMBER = re.compile(r"^(?P<gas>[a-z0-9/]+)[\s_(\[-]+(?P<rest>.*\d.*)$")
HIGHEST = 1000.0


@dataclass(frozen=True)
class Channel:
    """What the header of one m/z says.

    Parameters
    ----------
    mz
        The m/z.
    how
        ``number`` (with a word for mass), ``bare`` (a number, or with words for signals), ``gas``.
    """

    mz: float
    how: str


def folded(text: str) -> str:
    """Return a text without capitals and accents, ``m/z`` in one word.

    Parameters
    ----------
    text
        A header.
    """
    marks = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in marks if not unicodedata.combining(c))
    return _RATIO.sub("mz", plain.strip())


def channel_of(name: str) -> Channel | None:
    """Return the m/z that a header names; None if it names none.

    Parameters
    ----------
    name
        The header without its unit.
    """
    plain = folded(name)
    found = _QMID.search(plain)
    if found:
        return _channel(found[1], "number")
    gas = GASES.get(re.sub(r"[\s_-]+", "", plain))
    if gas:
        return Channel(gas, "gas")
    match = _GAS_THEN_NUMBER.match(plain)
    if match and match["gas"] in GASES:
        return channel_of(match["rest"])
    tokens = _TOKEN.findall(plain)
    numbers = [token for token in tokens if token[0].isdigit()]
    words = [token for token in tokens if not token[0].isdigit()]
    if len(numbers) != 1 or not OF_CHANNELS.issuperset(words):
        return None
    sure = bool(SAY_MASS.intersection(words)) or words == ["m"]
    return _channel(numbers[0], "number" if sure else "bare")


def signal_channel_of(name: str) -> Channel | None:
    """Return the m/z that the header of a column of signals names; None if it names none.

    Parameters
    ----------
    name
        The header without its unit, such as ``IS m/z 18``: with "m/z" and a number, any other words
        may stand there, but for sums and logarithms.
    """
    plain = folded(name)
    found = _AFTER_MZ.search(plain)
    words = re.findall(r"[^\W_]+", plain)
    other = any(re.fullmatch(f"{TOTAL}|{LOGARITHM}", word) for word in words)
    if channel_of(name) or found is None or re.search(r"\d", found["rest"]) or other:
        return channel_of(name)  # a number behind it may be the end of a range
    return _channel(found[1], "number")


def _channel(text: str, how: str) -> Channel | None:
    mz = float(text.replace(",", "."))
    return Channel(mz, how) if mz <= HIGHEST else None
