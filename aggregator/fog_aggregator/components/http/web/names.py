"""Give the names of a script fewer letters: those that it declares itself, and properties that begin with `_`.

All occurrences of a name get the same new one, and no two names the same: a name is in sight wherever it was, without a
look at scopes. A name that is declared inside of one function or method alone may be another's elsewhere. A name
that is not recognised as declared here, as `document`, stays, and no new name is one of these.

JavaScript as the page's modules are written, and no more of it: a statement ends with a semicolon, there are no labels,
and an object does not begin a statement.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from enum import Enum, auto
from itertools import product
from typing import Final

from fog_aggregator.components.http.web.script import OPEN, Token

_LANGUAGE: Final = (
    "arguments async await break case catch class const continue debugger default delete do else export extends "
    "false finally for function get if import in instanceof let new null of return set static super switch this "
    "throw true try typeof undefined var void while with yield NaN Infinity"
)
_WORDS: Final = frozenset(_LANGUAGE.split())
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_BLOCK_AFTER: Final = frozenset([";", "{", "}", ")", "=>", "else", "try", "finally", "do", "catch"])
_MODIFIERS: Final = frozenset(["get", "set", "async", "static"])
_ENDING_IN_BRACE: Final = frozenset(["function", "class", "async", "if", "for", "while", "try"])
_LOWER: Final = "etnrisoaculdhpmfgbvywkxjqz"
_UPPER: Final = "TSRCMPNAEDLFBIHOGVWUKJQXYZ$"


class Role(Enum):
    """The part that a word of a script has."""

    OTHER = auto()
    """No word, or one of the language."""
    NAME = auto()
    """A variable, a function or a class, declared or used."""
    PROPERTY = auto()
    """A property of an object: behind a dot, or before its value."""
    SHORT = auto()
    """Both: `a` in `{ a, b }`."""


_NAMES: Final = (Role.NAME, Role.SHORT)


class _Reader:
    """Tell of each piece what it is, and to which unit it belongs: a statement at the top, or a member of a class."""

    def __init__(self, pieces: Sequence[Token]) -> None:
        self.pieces = pieces
        self.roles = [Role.OTHER] * len(pieces)
        self.units = [0] * len(pieces)
        self.depths = [0] * len(pieces)
        self.closing: dict[int, int] = {}
        """The opening brackets by the places of the closing ones."""
        self._open: list[tuple[str, int]] = []
        self._class_is_next = False
        self._unit, self._ends_in_brace = 0, False

    def read(self) -> None:
        """Look at all pieces."""
        for place, one in enumerate(self.pieces):
            self._begin_unit(place)
            self.units[place], self.depths[place] = self._unit, len(self._open)
            if one.kind == "word":
                self.roles[place] = self._role(place)
                self._class_is_next |= one.text == "class" and self.roles[place] is Role.OTHER
            elif one.kind == "piece":
                self._piece(place)
            elif one.kind == "sign":
                self._sign(place)

    def text(self, place: int) -> str:
        """Return a piece's text; of a text in quotes, or of none, what no sign or word is."""
        return self.pieces[place].text if 0 <= place < len(self.pieces) else ""

    def _begin_unit(self, place: int) -> None:
        outside, before = [kind for kind, _ in self._open], self.text(place - 1)
        if outside not in ([], ["class"]):
            return
        begins = before == ";" or (before == "}" and self._ends_in_brace) or (outside == ["class"] and before == "{")
        if not begins and place:
            return
        self._unit += 1
        if self.text(place) == "}":  # the class ends
            self._ends_in_brace = True
            return
        first = next((at for at in range(place, len(self.pieces)) if self.text(at) not in _MODIFIERS), place)
        is_method = outside == ["class"] and self.text(first + 1) == "("
        self._ends_in_brace = is_method or self.text(first) in _ENDING_IN_BRACE

    def _sign(self, place: int) -> None:
        text = self.text(place)
        if text == "{":
            self._open.append((self._brace(place), place))
        elif text in _OPENING:
            self._open.append((text, place))
        elif text in _OPENING.values():
            self.closing[place] = self._open.pop()[1]

    def _piece(self, place: int) -> None:
        if self.text(place).startswith("}"):
            self._open.pop()
        if self.text(place).endswith(OPEN):
            self._open.append(("piece", place))

    def _brace(self, place: int) -> str:
        if self._class_is_next:
            self._class_is_next = False
            return "class"
        before = self.pieces[place - 1] if place else Token("sign", ";")
        is_block = before.kind in ("sign", "word") and before.text in _BLOCK_AFTER
        return "block" if is_block else "object"

    def _role(self, place: int) -> Role:
        text, before, after = self.text(place), self.text(place - 1), self.text(place + 1)
        if before in (".", "?."):
            return Role.PROPERTY
        kind = self._open[-1][0] if self._open else ""
        starts = {"object": ("{", ","), "class": ("{", ";", "}")}.get(kind, ())
        if before in starts or (starts and before in _MODIFIERS and self.roles[place - 1] is Role.OTHER):
            if text in _MODIFIERS and self.pieces[place + 1].kind == "word":
                return Role.OTHER
            if kind == "class" or after in (":", "("):
                return Role.PROPERTY
            return Role.OTHER if text in _WORDS else Role.SHORT
        return Role.OTHER if text in _WORDS else Role.NAME

    def declared(self) -> Iterator[tuple[int, bool]]:
        """Return the places of names that are declared there, and whether the whole script sees them."""
        for place, one in enumerate(self.pieces):
            before = self.text(place - 1)
            if before in ("const", "let", "class", "function"):
                is_top = self.depths[place] == 0
                if self.roles[place] is Role.NAME:
                    yield place, is_top
                elif one.text in ("{", "["):
                    yield from ((at, is_top) for at in self._bound(place))
            elif one.text == "=>" and self.roles[place - 1] is Role.NAME:
                yield place - 1, False
            elif before == ")" and (one.text == "=>" or (one.text == "{" and self._is_body(place))):
                yield from ((at, False) for at in self._bound(self.closing[place - 1]))

    def _is_body(self, place: int) -> bool:
        """Tell whether a block is that of a function, a method or a `catch`, so that names stand before it."""
        opening = self.closing[place - 1]
        if self.text(opening - 1) == "catch" or self.roles[opening - 1] is Role.PROPERTY:
            return True
        return self.text(opening - 2) == "function"

    def _bound(self, opening: int) -> Iterator[int]:
        """Return the names of a pattern, or of parameters, without those in values that they have by default."""
        depth, default = 0, 0
        for place in range(opening, len(self.pieces)):
            if self.pieces[place].kind == "sign":
                text = self.text(place)
                depth += (text in _OPENING) - (text in _OPENING.values())
                if default and (depth < default or (text == "," and depth == default)):
                    default = 0
                elif text == "=" and not default:
                    default = depth
            if depth == 0:
                return
            if not default and self.roles[place] in _NAMES:
                yield place


def renamed(pieces: Sequence[Token]) -> tuple[list[Token], dict[str, str]]:
    """Return a script with shorter names, and the new names of what is declared at its top."""
    reader = _Reader(pieces)
    reader.read()
    tops, own = set[str](), defaultdict[int, set[str]](set)
    for place, is_top in reader.declared():
        if is_top:
            tops.add(reader.text(place))
        else:
            own[reader.units[place]].add(reader.text(place))
    used = defaultdict[int, Counter[str]](Counter)
    for place, role in enumerate(reader.roles):
        if role in _NAMES:
            used[reader.units[place]][reader.text(place)] += 1
    foreign = {name for unit, names in used.items() for name in names if name not in tops and name not in own[unit]}
    taken = foreign | _WORDS
    everywhere = Counter[str]()
    for names in used.values():
        everywhere.update({name: number for name, number in names.items() if name in tops})
    of_top = _named(everywhere, _UPPER, taken)
    of_unit = {
        unit: _named(
            Counter({name: number for name, number in names.items() if name in own[unit] - tops}), _LOWER, taken
        )
        for unit, names in used.items()
    }
    properties = _properties(reader)

    def new(place: int, one: Token) -> Token:
        role, text = reader.roles[place], one.text
        name = of_top.get(text) or of_unit[reader.units[place]].get(text, text) if role in _NAMES else text
        if role is Role.PROPERTY:
            return replace(one, text=properties.get(text, text))
        return replace(one, text=f"{text}:{name}" if role is Role.SHORT and name != text else name)

    return [new(place, one) for place, one in enumerate(pieces)], of_top


def _named(used: Counter[str], first: str, taken: frozenset[str] | set[str]) -> dict[str, str]:
    """Give names, short ones to what is used most."""
    free = (name for name in _codes(first) if name not in taken)
    return dict(zip((name for name, _ in used.most_common()), free, strict=False))


def _codes(first: str) -> Iterator[str]:
    yield from first
    for rest in range(1, 3):
        yield from ("".join(parts) for parts in product(first, *[_LOWER + _UPPER] * rest))


def _properties(reader: _Reader) -> dict[str, str]:
    """Name the properties that begin with `_` anew, but for those that a text has, or that are variables as well."""
    texts = " ".join(one.text for one in reader.pieces if one.kind in ("text", "piece"))
    used = Counter(
        one.text
        for one, role in zip(reader.pieces, reader.roles, strict=True)
        if role is Role.PROPERTY and one.text.startswith("_")
    )
    both = {one.text for one, role in zip(reader.pieces, reader.roles, strict=True) if role in _NAMES}
    found = Counter({name: number for name, number in used.items() if name not in texts and name not in both})
    taken = set(used) - set(found)
    free = (name for code in _codes(_LOWER) if (name := f"_{code}") not in taken)
    return dict(zip((name for name, _ in found.most_common()), free, strict=False))
