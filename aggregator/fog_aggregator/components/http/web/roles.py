"""Tell of each word of a script what it is: a name, a property, or one of the language; and where names are declared.

JavaScript as the page's modules are written, and no more of it: a statement ends with a semicolon, there are no labels,
and an object does not begin a statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, auto
from typing import Final

from fog_aggregator.components.http.web.script import OPEN, Token

_LANGUAGE: Final = (
    "arguments async await break case catch class const continue debugger default delete do else export extends "
    "false finally for function get if import in instanceof let new null of return set static super switch this "
    "throw true try typeof undefined var void while with yield NaN Infinity"
)
WORDS: Final = frozenset(_LANGUAGE.split())
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}
_BLOCK_AFTER: Final = frozenset([";", "{", "}", ")", "=>", "else", "try", "finally", "do", "catch"])
_MODIFIERS: Final = frozenset(["get", "set", "async", "static"])


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


NAMES: Final = (Role.NAME, Role.SHORT)


class Reader:
    """Tell of each piece what it is, and which brackets it stands in."""

    def __init__(self, pieces: Sequence[Token]) -> None:
        self.pieces = pieces
        self.roles = [Role.OTHER] * len(pieces)
        self.depths = [0] * len(pieces)
        self.closing: dict[int, int] = {}
        """The opening brackets by the places of the closing ones."""
        self._open: list[tuple[str, int]] = []
        self._class_is_next = False

    def read(self) -> None:
        """Look at all pieces."""
        for place, one in enumerate(self.pieces):
            self.depths[place] = len(self._open)
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
            return Role.OTHER if text in WORDS else Role.SHORT
        return Role.OTHER if text in WORDS else Role.NAME

    def declared(self) -> Iterator[tuple[int, bool]]:
        """Return the places of names that are declared there, and whether it is as a parameter."""
        for place, one in enumerate(self.pieces):
            before = self.text(place - 1)
            if before in ("const", "let", "class", "function"):
                if self.roles[place] is Role.NAME:
                    yield place, False
                elif one.text in ("{", "["):
                    yield from ((at, False) for at in self._bound(place))
            elif one.text == "=>" and self.roles[place - 1] is Role.NAME:
                yield place - 1, True
            elif before == ")" and (one.text == "=>" or (one.text == "{" and self.is_body(place))):
                yield from ((at, True) for at in self._bound(self.closing[place - 1]))

    def is_body(self, place: int) -> bool:
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
            if not default and self.roles[place] in NAMES:
                yield place
