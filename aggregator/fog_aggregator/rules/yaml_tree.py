"""YAML as a tree of nodes with their places, within limits: put together from the parser's events, without recursion.

Values stay text: the reader of a file knows what each field is. An alias is the node of its anchor; the limit on nodes
counts what aliases stand for, so that a few lines cannot stand for a billion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import yaml

MAX_BYTES: Final = 2**20
MAX_NODES: Final = 200_000
"""Scalars, sequences and mappings of a file, those that aliases stand for included."""

MAX_DEPTH: Final = 32
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_MERGE: Final = "<<"
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(NamedTuple):
    """A place in a file, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class YamlError(Exception):
    """A text that is no YAML, or more than is read."""

    def __init__(self, text: str, place: Place | None = None) -> None:
        super().__init__(text)
        self.place = place


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value, as text; `is_null` tells whether YAML takes it for nothing."""

    value: str
    place: Place
    is_null: bool = False
    size: int = 1


@dataclass(slots=True)
class Items:
    """A sequence."""

    place: Place
    nodes: list[Node] = field(default_factory=list)
    size: int = 1


@dataclass(slots=True)
class Entries:
    """A mapping; `repeated` lists the keys that stand there more than once, with the place of the first."""

    place: Place
    pairs: dict[str, tuple[Scalar, Node]] = field(default_factory=dict)
    repeated: list[tuple[Scalar, Place]] = field(default_factory=list)
    size: int = 1


Node: TypeAlias = Scalar | Items | Entries


@dataclass(frozen=True, slots=True)
class Document:
    """The first document of a file; `root` is None in an empty file."""

    root: Node | None
    has_more: bool = False


def read_document(content: bytes) -> Document:
    """Read the first document of a file.

    Raises:
        YamlError: for what is not UTF-8 or YAML, and for what goes beyond a limit.
    """
    if len(content) > MAX_BYTES:
        raise YamlError(f"the file has more than {MAX_BYTES} bytes: split it")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise YamlError(f"yaml: the file is not UTF-8: {error}") from None
    try:
        return _compose(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = None if mark is None else Place(mark.line + 1, mark.column + 1)
        raise YamlError(f"yaml: {error.problem or error.context}", place) from None
    except yaml.YAMLError as error:
        raise YamlError(f"yaml: {' '.join(str(error).split())}") from None


def _compose(events: Iterator[Any]) -> Document:
    builder, documents = _Builder(), 0
    for event in events:
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            return Document(builder.root, has_more=True)
        builder.take(event)
    return Document(builder.root)


class _Builder:
    """Puts nodes together: a stack of open collections, each with the key that waits for its value."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[tuple[Items | Entries, str | None]] = []
        self._key: list[Scalar | None] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def take(self, event: Any) -> None:
        """Take the next event."""
        if isinstance(event, yaml.ScalarEvent):
            is_null = not event.style and event.tag is None and event.value in _NULLS
            self._finish(Scalar(event.value, _place(event), is_null), event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise YamlError(f"yaml: unknown anchor '{event.anchor}' referenced", _place(event))
            self._finish(self._anchors[event.anchor], None, _place(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            place = _place(event)
            if len(self._open) == MAX_DEPTH:
                raise YamlError(f"yaml: more than {MAX_DEPTH} levels are not read", place)
            node = Entries(place) if isinstance(event, yaml.MappingStartEvent) else Items(place)
            self._open.append((node, event.anchor))
            self._key.append(None)
        elif isinstance(event, yaml.CollectionEndEvent):
            complete, anchor = self._open.pop()
            self._key.pop()
            self._finish(complete, anchor)

    def _finish(self, node: Node, anchor: str | None, place: Place | None = None) -> None:
        """Hand a complete node to the collection around it."""
        self._count += node.size if place else 1
        if self._count > MAX_NODES:
            raise YamlError(f"yaml: more than {MAX_NODES} values are not read: split the file", place or node.place)
        if anchor:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        around, _ = self._open[-1]
        around.size += node.size
        if isinstance(around, Items):
            around.nodes.append(node)
        elif self._key[-1] is None:
            if not isinstance(node, Scalar):
                raise YamlError("yaml: a key must be text", place or node.place)
            self._key[-1] = node
        else:
            _put(around, self._key[-1], node)
            self._key[-1] = None


def _put(entries: Entries, key: Scalar, node: Node) -> None:
    """Set a key, or merge the mappings behind `<<`: what is written out counts more than what is merged."""
    if key.value == _MERGE:
        for merged in node.nodes if isinstance(node, Items) else [node]:
            if not isinstance(merged, Entries):
                raise YamlError("yaml: map merge requires map or sequence of maps as the value", key.place)
            for name, (_, value) in merged.pairs.items():
                entries.pairs.setdefault(name, (key, value))
        return
    known = entries.pairs.get(key.value)
    if known is not None and known[0].value != _MERGE:
        entries.repeated.append((key, known[0].place))
    entries.pairs[key.value] = (key, node)


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)
