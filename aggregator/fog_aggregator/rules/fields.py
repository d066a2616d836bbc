"""The fields of a mapping in a file, read strictly: what is unknown, repeated or of another type is reported."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, TypeAlias

from fog_aggregator.rules.durations import parse_duration
from fog_aggregator.rules.yaml_tree import Entries, Items, Node, Place, Scalar

Report: TypeAlias = Callable[[Place, str], None]
"""Takes a problem: where it is, and its text."""

_KINDS: Final = {Scalar: "!!str", Items: "!!seq", Entries: "!!map"}

_SPECIAL: Final = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
"""Numbers as YAML writes them."""


@dataclass(frozen=True, slots=True)
class Fields:
    """One mapping; a field that is absent or empty has the empty value of its type.

    Attributes:
        entries: The mapping.
        report: Takes the problems.
    """

    entries: Entries
    report: Report

    @property
    def place(self) -> Place:
        """Where the mapping begins."""
        return self.entries.place

    def place_of(self, name: str) -> Place:
        """Tell where a field's value stands; where the mapping does, if it is absent."""
        node = self._node(name)
        return self.place if node is None else node.place

    def text(self, name: str) -> str:
        """Read text; a number is text too."""
        node = self._node(name)
        return "" if node is None else as_text(node, self.report)

    def duration(self, name: str) -> int | None:
        """Read a duration: milliseconds; None when it is absent."""
        node = self._node(name)
        if node is None:
            return None
        text = as_text(node, self.report)
        try:
            return parse_duration(text)
        except ValueError as error:
            self.report(node.place, str(error))
            return None

    def integer(self, name: str) -> int:
        """Read a whole number."""
        node = self._node(name)
        if node is None:
            return 0
        try:
            return int(node.value if isinstance(node, Scalar) else "")
        except ValueError:
            self.report(node.place, f"cannot unmarshal {describe(node)} into int")
            return 0

    def number(self, name: str) -> float:
        """Read a number."""
        node = self._node(name)
        if node is None:
            return 0.0
        text = as_text(node, self.report)
        try:
            return float(_SPECIAL.get(text.lower(), text))
        except ValueError:
            self.report(node.place, f"cannot unmarshal {describe(node)} into float64")
            return 0.0

    def switch(self, name: str) -> bool:
        """Read a truth value."""
        node = self._node(name)
        if node is None:
            return False
        text = as_text(node, self.report)
        if text not in {"true", "false"}:
            self.report(node.place, f"cannot unmarshal {describe(node)} into bool")
        return text == "true"

    def texts(self, name: str) -> dict[str, tuple[str, Place]]:
        """Read a mapping of texts, each with its place."""
        node = self._node(name)
        if node is None:
            return {}
        if not isinstance(node, Entries):
            self.report(node.place, f"cannot unmarshal {describe(node)} into map[string]string")
            return {}
        report_repeated(node, self.report)
        return {key: (as_text(value, self.report), place.place) for key, (place, value) in node.pairs.items()}

    def nodes(self, name: str, type_name: str) -> list[Node]:
        """Read a sequence of what Prometheus calls `type_name`."""
        node = self._node(name)
        if node is None:
            return []
        if not isinstance(node, Items):
            self.report(node.place, f"cannot unmarshal {describe(node)} into []{type_name}")
            return []
        return node.nodes

    def _node(self, name: str) -> Node | None:
        _, node = self.entries.pairs.get(name, (None, None))
        return None if isinstance(node, Scalar) and node.is_null else node


def read_fields(node: Node, type_name: str, known: Collection[str], report: Report) -> Fields:
    """Read a mapping, and report what does not belong there."""
    if not isinstance(node, Entries):
        if not (isinstance(node, Scalar) and node.is_null):
            report(node.place, f"cannot unmarshal {describe(node)} into {type_name}")
        return Fields(Entries(node.place), report)
    report_repeated(node, report)
    for name, (key, _) in node.pairs.items():
        if name not in known:
            report(key.place, f"field {name[:80]} not found in type {type_name}: it has {', '.join(known)}")
    return Fields(node, report)


def report_repeated(entries: Entries, report: Report) -> None:
    """Report keys that stand in a mapping twice."""
    for key, first in entries.repeated:
        report(key.place, f'mapping key "{key.value[:80]}" already defined at line {first.line}')


def as_text(node: Node, report: Report) -> str:
    """Read text; nothing is the empty text."""
    if isinstance(node, Scalar):
        return "" if node.is_null else node.value
    report(node.place, f"cannot unmarshal {describe(node)} into string")
    return ""


def describe(node: Node) -> str:
    """Name a node as YAML does, a short text with its value."""
    return f"{_KINDS[type(node)]} `{node.value[:10]}`" if isinstance(node, Scalar) else _KINDS[type(node)]
