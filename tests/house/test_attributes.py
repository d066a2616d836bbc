"""An "Attributes:" section is true: what it names is there, and what is there is named."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Final

from tests.house.offenders import Found, guard, hold
from tests.house.source import Module, modules

SECTION: Final = re.compile(r"^ *(Attributes|Args|Returns|Raises|Yields|Example|Examples|Note):\s*$")
ENTRY: Final = re.compile(r"^(\w+(?:, \w+)*)(?: \([^)]*\))?:")


def documented(node: ast.ClassDef, wanted: str) -> list[str]:
    """Name what a section of a class's docstring describes, in order; `first, second: …` are two."""
    names: list[str] = []
    current, indent = "", 0
    for line in (ast.get_docstring(node) or "").splitlines():
        if match := SECTION.match(line):
            current, indent = match[1], 0
        elif current == wanted and line.strip():
            depth = len(line) - len(line.lstrip())
            indent = indent or depth
            if depth < indent:
                current = ""
            elif depth == indent and (entry := ENTRY.match(line.strip())):
                names += entry[1].split(", ")
    return names


@cache
def classes() -> dict[str, list[ast.ClassDef]]:
    """Collect all classes of the packages, by name."""
    found: dict[str, list[ast.ClassDef]] = {}
    for module in modules():
        for node in module.nodes:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(node)
    return found


def own_attributes(node: ast.ClassDef) -> Iterator[str]:
    """Name the attributes of an instance: declared in the class's body, in `__slots__`, or assigned to `self`."""
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            if "ClassVar" not in ast.dump(part.annotation) and "InitVar" not in ast.dump(part.annotation):
                yield part.target.id
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            for target in ast.walk(part):
                if (
                    isinstance(target, ast.Attribute)
                    and isinstance(target.ctx, ast.Store)
                    and isinstance(target.value, ast.Name)
                    and target.value.id == "self"
                ):
                    yield target.attr


def explained(node: ast.ClassDef) -> set[str]:
    """Name the attributes that have a docstring of their own, right below them, and the properties."""
    found = set()
    for part, following in zip(node.body, node.body[1:], strict=False):
        described = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and described:
            found.add(part.target.id)
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.decorator_list:
            found.add(part.name)
    return found


def exists(name: str, node: ast.ClassDef) -> bool:
    """Tell whether a class, or one that it inherits from, has an attribute or a property of this name."""
    constants = {
        target.id
        for part in node.body
        if isinstance(part, ast.Assign)
        for target in part.targets
        if isinstance(target, ast.Name)
    }
    if name in {*own_attributes(node), *explained(node), *constants}:
        return True
    bases = [part.id for base in node.bases for part in ast.walk(base) if isinstance(part, ast.Name)]
    return any(exists(name, one) for base in bases for one in classes().get(base, []) if one is not node)


def wrong(module: Module, node: ast.ClassDef) -> Iterator[str]:
    """Say what a class's section of attributes has wrong."""
    listed = documented(node, "Attributes")
    if not listed:
        return
    where = f"{module.file}:{node.lineno}: {node.name}"
    twice = [name for name, number in Counter(listed + documented(node, "Args")).items() if number > 1]
    yield from (f"{where}.{name} is documented twice" for name in twice)
    yield from (f"{where}.{name} is documented, but is not there" for name in listed if not exists(name, node))
    public = {name for name in own_attributes(node) if not name.startswith("_")}
    missing = public - set(listed) - set(documented(node, "Args")) - explained(node)
    yield from (f"{where}.{name} is there, but is not documented" for name in sorted(missing))


@guard("attributes")
def untrue_sections() -> Found:
    """Find what the sections of attributes have wrong."""
    return {
        module.file: [line for node in module.nodes if isinstance(node, ast.ClassDef) for line in wrong(module, node)]
        for module in modules()
    }


def test_documented_attributes_are_the_ones_that_exist() -> None:
    """Each once, and every public attribute of a class that has such a section."""
    hold("attributes")
