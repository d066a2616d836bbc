"""Give the names of a script fewer letters: those that it declares itself, and properties that begin with `_`.

A name that is not recognised as declared here, as `document`, stays, and no new name is one of these. Names that are in
sight of each other get different new ones; functions that are apart have the same few letters, which pack well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

from fog_aggregator.components.http.web.roles import NAMES, WORDS, Reader, Role
from fog_aggregator.components.http.web.scopes import Scopes
from fog_aggregator.components.http.web.script import Token

_LETTERS: Final = "etnrisoaculdhpmfgbvywkxjqz"
_MORE: Final = "TSRCMPNAEDLFBIHOGVWUKJQXYZ$"
_TOP: Final = 0
"""The number of the scope of the whole script."""


def renamed(pieces: Sequence[Token]) -> tuple[list[Token], dict[str, str]]:
    """Return a script with shorter names, and the new names of what is declared at its top."""
    reader = Reader(pieces)
    reader.read()
    scopes = Scopes(reader)
    names = _named(scopes)
    properties = _properties(reader)

    def new(place: int, one: Token) -> Token:
        role, text = reader.roles[place], one.text
        if role is Role.OTHER:
            return one
        if role is Role.PROPERTY:
            name = properties.get(text, text)
        else:
            name = names[scopes.origins[place]] if place in scopes.origins else text
        if name == text:
            return one
        return replace(one, text=f"{text}:{name}" if role is Role.SHORT else name)

    of_top = {name: short for (scope, name), short in names.items() if scope == _TOP}
    return [new(place, one) for place, one in enumerate(pieces)], of_top


def _named(scopes: Scopes) -> dict[tuple[int, str], str]:
    """Give names: functions in the order of their declarations, and then at the top what is used most first."""
    beside = defaultdict[tuple[int, str], set[tuple[int, str]]](set)
    for scope in scopes.all:
        for key in scope.seen:
            beside[key].update(scope.seen)
    taken = scopes.foreign | WORDS
    within = [(number, name) for number, scope in enumerate(scopes.all) if number for name in scope.declared]
    named: dict[tuple[int, str], str] = {}
    for key in [*within, *(key for key, _ in scopes.uses.most_common() if key[0] == _TOP)]:
        near = {named.get(other) for other in beside[key]}
        named[key] = next(name for name in _codes() if name not in taken and name not in near)
    return named


def _codes() -> Iterator[str]:
    yield from _LETTERS
    for rest in range(1, 3):
        yield from ("".join(parts) for parts in product(_LETTERS, *[_LETTERS + _MORE] * rest))


def _properties(reader: Reader) -> dict[str, str]:
    """Name the properties that begin with `_` anew, but for those that a text has, or that are variables as well."""
    texts = " ".join(one.text for one in reader.pieces if one.kind in ("text", "piece"))
    used = Counter(
        one.text
        for one, role in zip(reader.pieces, reader.roles, strict=True)
        if role is Role.PROPERTY and one.text.startswith("_")
    )
    both = {one.text for one, role in zip(reader.pieces, reader.roles, strict=True) if role in NAMES}
    found = Counter({name: number for name, number in used.items() if name not in texts and name not in both})
    taken = set(used) - set(found)
    free = (name for code in _codes() if (name := f"_{code}") not in taken)
    return dict(zip((name for name, _ in found.most_common()), free, strict=False))
