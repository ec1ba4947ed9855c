"""How files are spoilt and forged: each takes files by name and returns those that it changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from egams.artifact import DIGEST, MANIFEST, sealed
from egams.io.reader_contract import spoil
from egams.study.records import MEMBER

Files = Mapping[str, bytes]
Change = Callable[[Files, np.random.Generator], Files]

NASTY: list[Any] = [None, [], {}, "", -1, 0, 1e308, "9" * 5000, 10**4000, True, "../x", [[[[]]]]]
NUMBERS = [np.nan, np.inf, -1, 0, 127, 128, 2**15, 2**31 - 1, -(2**31), 2**63 - 1, 1e30]


def any_of(files: Files, rng: np.random.Generator) -> str:
    names = [name for name in files if files[name]]
    return names[int(rng.integers(len(names)))]


def bytes_of_any(files: Files, rng: np.random.Generator) -> Files:
    name = any_of(files, rng)
    return {name: spoil(files[name], rng)}


def bytes_of(name: str) -> Change:
    return lambda files, rng: {name: spoil(files[name], rng)}


def a_bit_of_any(files: Files, rng: np.random.Generator) -> Files:
    name = any_of(files, rng)
    content = bytearray(files[name])
    place = int(rng.integers(8 * len(content)))
    content[place // 8] ^= 1 << place % 8
    return {name: bytes(content)}


def forge(files: Files, rng: np.random.Generator) -> Files:
    """Change a value, or the bytes of a file, and seal all that names it."""
    name = any_of(files, rng)
    if name.endswith(".json"):
        content = json.loads(files[name])
        replace_any(content, rng)
        changed = {name: json.dumps(sealed(content) if DIGEST in content else content).encode()}
    elif name.endswith(".safetensors") and rng.random() < 0.5:
        changed = {name: with_another_number(files[name], rng)}
    else:
        changed = {name: spoil(files[name], rng)}
    for folder in PurePosixPath(name).parents:
        for manifest in (str(folder / MEMBER), str(folder / MANIFEST)):
            if manifest in files and manifest not in changed:
                changed |= resealed(files, changed, manifest)
    return changed


def resealed(files: Files, changed: Files, manifest: str) -> Files:
    """Return a manifest with the digests of what was changed, where it has any."""
    content = json.loads(files[manifest])
    folder, named = PurePosixPath(manifest).parent, content.get("files")
    if isinstance(named, dict):
        for name in named:
            path = str(folder / name)
            if path in changed:
                named[name] = hashlib.sha256(changed[path]).hexdigest()
    return {manifest: json.dumps(sealed(content)).encode()}


def with_another_number(data: bytes, rng: np.random.Generator) -> bytes:
    """Put a number that may mean ill at a place in one of the arrays."""
    arrays = {name: array for name, array in load(data).items() if array.size}
    name = list(arrays)[int(rng.integers(len(arrays)))]
    wide = np.float64 if arrays[name].dtype.kind == "f" else np.int64
    numbers = [number for number in NUMBERS if wide is np.float64 or np.isfinite(number)]
    with np.errstate(all="ignore"):
        nasty = np.array(numbers[int(rng.integers(len(numbers)))]).astype(wide)
        array = arrays[name].copy()
        array.flat[int(rng.integers(array.size))] = nasty.astype(array.dtype)
    return save(arrays | {name: array}, metadata_of(data))


def metadata_of(data: bytes) -> dict[str, str] | None:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]).get("__metadata__")


def replace_any(content: Any, rng: np.random.Generator) -> None:
    """Put something nasty at a place somewhere in a tree."""
    while True:
        keys = list(content) if isinstance(content, dict) else range(len(content))
        if not len(keys):
            return
        key = keys[int(rng.integers(len(keys)))]
        deeper = isinstance(content[key], dict | list) and len(content[key]) and rng.random() < 0.8
        if not deeper:
            break
        content = content[key]
    value = NASTY[int(rng.integers(len(NASTY)))]
    if rng.random() < 0.2:
        del content[key]
    elif isinstance(content[key], int | float) and rng.random() < 0.5:
        content[key] = content[key] * float(rng.choice([-1, 2, 1e6])) + 1
    else:
        content[key] = value
