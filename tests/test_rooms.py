"""The house as CONTRIBUTING.md has it: rooms in one order, imports that never run back."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SPEC = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
assert SPEC is not None and SPEC.loader is not None
rooms = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rooms)

APART = [("ensemble", "study"), ("ensemble", "training"), ("study", "training")]
"""Pairs of which the first knows nothing of the second."""


def test_no_room_imports_from_a_room_to_its_right() -> None:
    place = {room: number for number, room in enumerate(rooms.ORDER)}
    back = [
        line
        for (importer, imported), lines in rooms.imports().items()
        if place[importer] < place[imported]
        for line in lines
    ]
    assert not back, "\n".join(back)


@pytest.mark.parametrize(("room", "other"), APART)
def test_halves_know_nothing_of_each_other(room: str, other: str) -> None:
    assert (room, other) not in rooms.imports()
    assert ("training", "ensemble") not in rooms.imports()


def test_the_ground_and_the_simulator_stand_alone() -> None:
    imported = {pair for pair in rooms.imports() if pair[0] in (rooms.GROUND, "simulate")}
    assert imported <= {("simulate", rooms.GROUND)}


def test_every_folder_is_a_room_and_every_room_is_described() -> None:
    folders = {path.parent.name for path in rooms.PACKAGE.glob("*/__init__.py")}
    assert folders == set(rooms.ORDER) - {rooms.GROUND}
    page = rooms.PAGE.read_text(encoding="utf-8")
    described = re.findall(r"^\| `(\w+)/`", page, re.MULTILINE)
    assert sorted(described) == sorted(folders)


def test_the_map_of_the_readme_is_that_of_the_page() -> None:
    maps = [
        re.findall(
            r"^    (?:answers|both|learns) .*$", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        for path in (rooms.PAGE, ROOT / "README.md")
    ]
    assert maps[0] == maps[1]
    assert len(maps[0]) == 3


def test_the_picture_is_drawn_from_the_imports_of_today() -> None:
    shown = rooms.PICTURE.search(rooms.PAGE.read_text(encoding="utf-8"))
    assert shown is not None
    assert shown[0] == rooms.picture(), "python docs/rooms.py draws it anew"


def test_no_function_is_longer_than_a_hundred_lines() -> None:
    long = [
        f"{path.name}: {node.name}"
        for path in rooms.PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 100
    ]
    assert not long, ", ".join(long)
