"""Kinds of value and kinds of place are objects: nobody else switches on them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from tests.house.offenders import Found, guard, hold
from tests.house.source import Module, modules

OWNERS: Final = re.compile(r"/(kinds|sections|instruments)/|/(kinds|sections)\.py$")
"""Folders whose business kinds are."""

COMMANDS: Final = ("cli/fog_cli/main.py", "cli/fog_cli/commands/__init__.py")
"""Here SUMMARIES are the help texts of commands."""

KINDS: Final = {"COUNTERS", "FRACTIONS", "GAUGES", "SUMMARIES", "HISTOGRAMS", "COUNTER", "GAUGE", "HISTOGRAM"}
"""Constants that stand for a kind, in the aggregator and on the wire."""

TYPES: Final = {
    "HistogramValue", "GaugeSummary", "Counter", "Gauge", "Histogram", "HistogramState", "Histograms", "Summaries",
    "BucketHistogram", "IntegerCounter", "FractionalCounter",
}  # fmt: skip
FLAGS: Final = re.compile(r"is_(gauge|counter|histogram|summary|fraction|fractional)$")


def name_of(node: ast.AST) -> str:
    """Name what a variable or an attribute is called; empty for anything else."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def is_kind(node: ast.AST) -> bool:
    """Tell whether an expression is a constant that stands for a kind."""
    of_enum = isinstance(node, ast.Attribute) and name_of(node.value) == "MetricType"
    return of_enum or (isinstance(node, ast.Name) and node.id in KINDS)


def compares_kinds(node: ast.Compare) -> bool:
    """Tell whether a comparison asks for a kind of value, by its constant or by the sign of its number."""
    sides = [node.left, *node.comparators]
    elements = [element for side in sides for element in getattr(side, "elts", [side])]
    if any(is_kind(element) or name_of(element) == "NOT_COUNTED" for element in elements):
        return True
    numbers = any(isinstance(element, ast.Constant) and type(element.value) is int for element in elements)
    return numbers and any(name_of(side) in {"width", "kind"} for side in sides)


def switches_of_call(node: ast.Call) -> Iterator[tuple[int, str]]:
    """List `isinstance` of kinds' types, and kinds as arguments of a look-up such as `maps.get(COUNTERS)`."""
    if name_of(node.func) == "isinstance":
        if {name_of(part) for part in ast.walk(node.args[1])} & TYPES:
            yield node.lineno, "isinstance"
    elif isinstance(node.func, ast.Attribute) and not node.func.attr[0].isupper():  # a constructor looks nothing up
        yield from ((node.lineno, "argument") for argument in node.args if is_kind(argument))


def switches(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """List comparisons with kinds, look-ups by kind, `isinstance` of kinds' types and flags such as `is_gauge`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and compares_kinds(node):
            yield node.lineno, "comparison"
        elif isinstance(node, ast.Subscript) and is_kind(node.slice):
            yield node.lineno, "look-up"
        elif isinstance(node, ast.Dict):
            yield from ((key.lineno, "look-up table") for key in node.keys if key is not None and is_kind(key))
        elif isinstance(node, ast.MatchValue) and is_kind(node.value):
            yield node.lineno, "match"
        elif isinstance(node, ast.Call):
            yield from switches_of_call(node)
        elif isinstance(node, ast.Attribute) and FLAGS.match(node.attr) and isinstance(node.ctx, ast.Load):
            yield node.lineno, f".{node.attr}"


def conditions_on_branches(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """List conditions that ask whether a place is a branch."""
    conditions: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert):
            conditions.append(node.test)
        elif isinstance(node, ast.comprehension):
            conditions += node.ifs
        elif isinstance(node, ast.BoolOp | ast.Compare) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        ):
            conditions.append(node)
        elif isinstance(node, ast.Call) and name_of(node.func) == "isinstance":
            conditions += [part for part in ast.walk(node.args[1]) if name_of(part) == "Branch"]
    asked = {
        (part.lineno, part.col_offset)
        for condition in conditions
        for part in ast.walk(condition)
        if isinstance(part, ast.Name | ast.Attribute)
        and (name_of(part) == "Branch" or (isinstance(part, ast.Attribute) and part.attr in {"branch", "is_branch"}))
    }
    yield from ((line, ".branch") for line, _ in sorted(asked))


def lines(module: Module, found: Iterator[tuple[int, str]]) -> list[str]:
    """Say where each is."""
    return [f"{module.file}:{line}: {what}" for line, what in found]


@guard("switches-on-kinds")
def switches_by_file() -> Found:
    """Find switches on kinds outside of the folders whose business they are."""
    return {
        module.file: lines(module, switches(module.tree))
        for module in modules()
        if not OWNERS.search(module.file) and not module.file.startswith(COMMANDS)
    }


@guard("tests-of-branches")
def branches_by_file() -> Found:
    """Find conditions on `.branch`; `places/` has a class for each kind of place instead."""
    return {
        module.file: lines(module, conditions_on_branches(module.tree))
        for module in modules("aggregator/fog_aggregator")
    }


def test_nobody_else_switches_on_kinds_of_value() -> None:
    """Behaviour that differs by kind is a method of the kind.

    The table has those that are left on purpose. Definitions and their checks belong to the wire and not to a kind. The
    simulator's checks and its reference model must not ask the product's kinds. `metric_values`, the bridge to
    prometheus_client, `fog audit` and `explain` write a histogram in a format of their own, and `fog_testing` says to
    its user that a metric is one.
    """
    hold("switches-on-kinds")


def test_nobody_asks_whether_a_place_is_a_branch() -> None:
    """Behaviour that differs by place is a method of the place."""
    hold("tests-of-branches")
