"""The lexer of templates: text and the tokens of actions, as Go cuts them."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from fog_aggregator.rules.templates.errors import TemplateError

KEYWORDS: Final = frozenset({"else", "end", "if", "range", "with"})
UNSUPPORTED_KEYWORDS: Final = frozenset({"block", "break", "continue", "define", "template"})
_LEFT: Final = "{{"
_RIGHT: Final = re.compile(r"(?P<trim>\s-)?\}\}")
_COMMENT: Final = re.compile(r"\{\{(?:- )?/\*")
_COMMENT_END: Final = re.compile(r"\*/(?P<trim> -)?\}\}")
_TOKEN: Final = re.compile(
    r"""(?P<space>\s+(?=\s-\}\})|\s+)
    |(?P<text>"(?:[^"\\\n]|\\[^\n])*")
    |(?P<raw>`[^`]*`)
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bBoO][0-7_]+|[0-9][0-9_]*\.?[0-9_]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?))
    |(?P<field>\.\w+)
    |(?P<dot>\.)
    |(?P<variable>\$\w*)
    |(?P<word>\w+)
    |(?P<declare>:=)
    |(?P<assign>=)
    |(?P<pipe>\|)
    |(?P<open>\()
    |(?P<close>\))
    |(?P<comma>,)
    |(?P<unclosed>["`])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_AFTER_NAMES: Final = frozenset("|,()=:. \t\r\n}")
_TRIMMED: Final = " \t\r\n"


class Token(NamedTuple):
    """A piece of a template: its kind, its characters, and its place from the beginning of the template."""

    kind: str
    text: str
    position: int

    def __str__(self) -> str:
        if self.kind == "eof":
            return "EOF"
        if self.kind == "keyword":
            return f"<{self.text}>"
        return f'"{self.text[:10]}"...' if len(self.text) > 10 else f'"{self.text}"'


class LexError(TemplateError):
    """Characters that are no template; `position` is their place."""

    def __init__(self, text: str, position: int) -> None:
        super().__init__(text)
        self.position = position


def tokens(source: str) -> Iterator[Token]:
    """Cut a template into tokens; `text` tokens are what stands outside of actions.

    Raises:
        LexError: for what is not closed, and for characters that do not belong in an action.
    """
    position, trims = 0, False
    while True:
        begin = source.find(_LEFT, position)
        text = source[position:] if begin < 0 else source[position:begin]
        lead = len(text) - len(text.lstrip(_TRIMMED)) if trims else 0
        if begin >= 0 and source[begin + 2 : begin + 3] == "-" and source[begin + 3 : begin + 4].isspace():
            text = text.rstrip(_TRIMMED)
        if text[lead:]:
            yield Token("outside", text[lead:], position + lead)
        if begin < 0:
            yield Token("eof", "", len(source))
            return
        if _COMMENT.match(source, begin):
            position, trims = _comment(source, begin)
            continue
        start = begin + (3 if source[begin + 2 : begin + 3] == "-" and source[begin + 3 : begin + 4].isspace() else 2)
        yield Token("left", _LEFT, begin)
        position, trims = yield from _action(source, start)


def _comment(source: str, begin: int) -> tuple[int, bool]:
    """Skip a comment: where it ends, and whether the text after it is trimmed."""
    if source.find("*/", begin) < 0:
        raise LexError("unclosed comment", begin)
    end = _COMMENT_END.match(source, source.find("*/", begin))
    if end is None:
        raise LexError("comment ends before closing delimiter", begin)
    return end.end(), end["trim"] is not None


def _action(source: str, position: int) -> Generator[Token, None, tuple[int, bool]]:
    """Cut an action up to its end; returns the place after it, and whether the text there is trimmed."""
    depth = 0
    while True:
        if (end := _RIGHT.match(source, position)) is not None:
            if depth:
                raise LexError("unclosed left paren", position)
            yield Token("right", "}}", position)
            return end.end(), end["trim"] is not None
        match = _TOKEN.match(source, position)
        if match is None:
            raise LexError("unclosed left paren" if depth else "unclosed action", position)
        token = _token(source, match)
        depth += (token.kind == "open") - (token.kind == "close")
        if depth < 0:
            raise LexError("unexpected right paren U+0029 ')'", position)
        yield token
        position = match.end()


def _token(source: str, match: re.Match[str]) -> Token:
    kind, text, position = str(match.lastgroup), match[0], match.start()
    if kind == "unclosed":
        raise LexError(f"unterminated {'raw ' if text == '`' else ''}quoted string", position)
    if kind == "other" and not (text.isascii() and text.isprintable()):
        raise LexError(f"unrecognized character in action: U+{ord(text):04X} '{text}'", position)
    after = source[match.end() : match.end() + 1]
    if kind in {"field", "variable", "word"} and after and after not in _AFTER_NAMES:
        raise LexError(f"bad character U+{ord(after):04X} '{after}'", position)
    if kind == "number" and (after.isalnum() or after == "_"):
        raise LexError(f'bad number syntax: "{text}{after}"', position)
    if kind == "word":
        kind = "keyword" if text in KEYWORDS | UNSUPPORTED_KEYWORDS else "bool" if text in {"true", "false"} else "word"
    return Token("nil" if text == "nil" and kind == "word" else kind, text, position)
