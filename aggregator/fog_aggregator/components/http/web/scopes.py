"""Find the functions of a script, and which of them each name is declared in.

A function is where its names are in sight, from its parameters to its end. Blocks count as their function's: a name
that two blocks declare is one name. A name that is declared within a function and around it as well counts as the one
around it: a block's name may not reach as far as its function does, and elsewhere in the function the word means the
other. Parameters alone reach through all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.components.http.web.roles import NAMES, Reader
from fog_aggregator.components.http.web.script import CLOSED

_ENDS: Final = frozenset([",", ";"])


@dataclass(slots=True)
class Scope:
    """A function, or the whole script.

    Attributes:
        first: The place of the first piece of its parameters.
        last: The place of its last piece.
        outer: The scope around it; None for the script.
        declared: The names that it declares, in the order of their declarations.
        seen: The names that it or a function within uses, each with the scope that declares it.
    """

    first: int
    last: int
    outer: Scope | None = None
    declared: dict[str, None] = field(default_factory=dict)
    seen: dict[tuple[int, str], None] = field(default_factory=dict)

    @property
    def around(self) -> Iterator[Scope]:
        """Return itself and all scopes around it, the innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


class Scopes:
    """The scopes of a script, the script first, and where each of its names is declared.

    Attributes:
        all: The scopes, outer ones before those within.
        origins: By the place of a word, the number of the scope that declares it and its name.
        uses: How often each name occurs.
        foreign: The names that nothing here declares.
    """

    def __init__(self, reader: Reader) -> None:
        found = sorted([(0, len(reader.pieces)), *_functions(reader)], key=lambda one: (one[0], -one[1]))
        self.all = [Scope(first, last) for first, last in found]
        self.origins: dict[int, tuple[int, str]] = {}
        self.uses = Counter[tuple[int, str]]()
        self.foreign = set[str]()
        inside = self._inside(reader)
        self._declare(reader, inside)
        numbers = {id(scope): number for number, scope in enumerate(self.all)}
        for place, role in enumerate(reader.roles):
            if role in NAMES:
                self._use(inside[place], place, reader.text(place), numbers)

    def _inside(self, reader: Reader) -> Sequence[Scope]:
        """Return the innermost scope of each piece."""
        inside: list[Scope] = []
        around, after = self.all[0], 1
        for place in range(len(reader.pieces)):
            while around.last < place and around.outer is not None:
                around = around.outer
            while after < len(self.all) and self.all[after].first == place:
                self.all[after].outer = around
                around, after = self.all[after], after + 1
            inside.append(around)
        return inside

    def _declare(self, reader: Reader, inside: Sequence[Scope]) -> None:
        others: list[tuple[int, Scope, str]] = []
        for place, is_parameter in reader.declared():
            scope, name = inside[place], reader.text(place)
            if is_parameter:
                scope.declared.setdefault(name)
            else:
                others.append((scope.first, scope, name))
        for _, scope, name in sorted(others, key=lambda one: one[0]):  # what is around comes first
            if not any(name in one.declared for one in scope.around):
                scope.declared.setdefault(name)

    def _use(self, inside: Scope, place: int, name: str, numbers: dict[int, int]) -> None:
        origin = next((scope for scope in inside.around if name in scope.declared), None)
        if origin is None:
            self.foreign.add(name)
            return
        key = (numbers[id(origin)], name)
        self.origins[place] = key
        self.uses[key] += 1
        for scope in inside.around:
            scope.seen.setdefault(key)
            if scope is origin:
                break


def _functions(reader: Reader) -> Iterator[tuple[int, int]]:
    """Return the places of the first and the last piece of each function, from its parameters on."""
    ends = {first: last for last, first in reader.closing.items()}
    for place in range(len(reader.pieces)):
        before = reader.closing.get(place - 1, place - 1)
        if reader.text(place) == "=>":
            yield before, ends[place + 1] if reader.text(place + 1) == "{" else _end(reader, place)
        elif reader.text(place) == "{" and reader.text(place - 1) == ")" and reader.is_body(place):
            yield before, ends[place]


def _end(reader: Reader, arrow: int) -> int:
    """Return the last piece of what an arrow returns: before what cannot be of an expression, at the arrow's depth."""
    depth, questions = reader.depths[arrow], 0
    for place in range(arrow + 1, len(reader.pieces)):
        if reader.depths[place] > depth:
            continue
        text = reader.text(place)
        is_closed = place in reader.closing or text.startswith(CLOSED)
        if is_closed or text in _ENDS or (text == ":" and not questions):
            return place - 1
        questions += (text == "?") - (text == ":")
    return len(reader.pieces) - 1
