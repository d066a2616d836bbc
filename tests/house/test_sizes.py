"""Folders, files, functions and classes stay small enough to be read at once."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from typing import Final

import pytest

from tests.house.offenders import Found, guard, hold
from tests.house.source import PACKAGES, every_module, modules, read

MODULES: Final = 15
FILE_LINES: Final = 400
FUNCTION_LINES: Final = 40
ATTRIBUTES: Final = 12
LOOPS: Final = {
    "agent/fog_agent/edge/sender.py": 100,
    "aggregator/fog_aggregator/brain.py": 100,
    "aggregator/fog_aggregator/reading.py": 100,
    "proving/fog_proving/sim/agent.py": 80,
    "proving/fog_proving/sim/aggregator.py": 80,
}
"""The drivers of the objects that decide, and the lines that each stays below: a driver decides nothing."""

WIRE: Final = "schema/fog_schema/"
"""The data classes here have the fields of the wire, however many these are."""


def attributes_of(node: ast.ClassDef) -> set[str]:
    """Name the attributes of an instance: what the class body declares and what methods assign to `self`."""
    found = {
        part.target.id
        for part in node.body
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and "ClassVar" not in ast.dump(part)
    }
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            for part in ast.walk(method):
                if (
                    isinstance(part, ast.Attribute)
                    and isinstance(part.ctx, ast.Store)
                    and isinstance(part.value, ast.Name)
                    and part.value.id == "self"
                ):
                    found.add(part.attr)
    return found


@guard("modules-in-a-folder")
def crowded_folders() -> Found:
    """Find the modules beyond fifteen in each folder, `__init__` not counted."""
    folders = Counter(module.file.rpartition("/")[0] for module in modules() if not module.file.endswith("__init__.py"))
    return {folder: [f"{folder}: {number} modules"] * (number - MODULES) for folder, number in folders.items()}


@guard("long-files")
def long_files() -> Found:
    """Find the lines beyond four hundred in each file, tests too."""
    return {
        module.file: [f"{module.file}: {over + FILE_LINES} lines"] * over
        for module in every_module()
        if (over := module.text.count("\n") - FILE_LINES) > 0
    }


@guard("long-functions")
def long_functions() -> Found:
    """Find the functions of more than forty lines, the docstring included; a table in a decorator is data."""
    found: dict[str, list[str]] = {}
    for module in every_module():
        for node in module.nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                where = f"{module.file}:{node.lineno}: {node.name} has {length} lines"
                found.setdefault(module.file, []).extend([where] if length > FUNCTION_LINES else [])
    return found


@guard("large-classes")
def large_classes() -> Found:
    """Find the attributes beyond twelve of each class, the data classes of the wire excepted."""
    found: dict[str, list[str]] = {}
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef) and not module.file.startswith(WIRE):
                number = len(attributes_of(node))
                over = [f"{module.file}:{node.lineno}: {node.name} has {number} attributes"] * (number - ATTRIBUTES)
                found.setdefault(module.file, []).extend(over)
    return found


def test_a_folder_has_at_most_fifteen_modules() -> None:
    """A reader sees so many at once when the folder is opened."""
    hold("modules-in-a-folder")


def test_a_file_has_at_most_four_hundred_lines() -> None:
    """Tests and scripts too."""
    hold("long-files")


def test_a_function_has_at_most_forty_lines() -> None:
    """Tests and scripts too."""
    hold("long-functions")


def test_a_class_has_at_most_twelve_attributes() -> None:
    """Private ones too."""
    hold("large-classes")


@pytest.mark.parametrize("file", LOOPS)
def test_what_drives_the_deciding_objects_is_short(file: str) -> None:
    """The service's loops and the simulator drive the same objects."""
    assert len(read(file).splitlines()) < LOOPS[file]


def test_the_wheel_has_every_package_but_proving() -> None:
    """The simulator and the chaos suite are run from a checkout, and not shipped to users."""
    wheel = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sorted(wheel["packages"]) == sorted(set(PACKAGES) - {"proving/fog_proving"})
    assert wheel["shared-scripts"] == {"cli/fog": "fog"}
    assert set(wheel) == {"packages", "shared-scripts"}, "nothing else adds files to the wheel"
