"""Read a script as pieces: words, texts, signs. JavaScript as the page's modules are written, and no more of it.

A statement ends with a semicolon and is never empty. A regular expression stands behind an operator, an opening
bracket, a comma or one of a few words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<space>(?:\s+|//[^\n]*|/\*.*?\*/)+)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<number>\d[\w.]*)
    |(?P<word>[A-Za-z_$][\w$]*)
    |(?P<sign>=>|\.\.\.|\?\.(?!\d)|\?\?|\+\+|--|\*\*|[-+*/%&|^!=<>?~,;:.(){}[\]`])""",
    re.VERBOSE | re.DOTALL,
)
_PATTERN: Final = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_PIECE: Final = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*(?:`|\$\{)", re.DOTALL)
_BEFORE_PATTERN: Final = frozenset(["return", "typeof", "case", "in", "of"])
_ENDS: Final = frozenset(")]}")
OPEN, CLOSED = "${", "}"


class ScriptError(ValueError):
    """A script that cannot be read; the text says where."""


@dataclass(slots=True)
class Token:
    """A piece of a script.

    Attributes:
        kind: `word`, `text`, `number`, `sign`, `pattern` (a regular expression) or `piece` (of a template).
        text: As it stands there.
        ends_line: Whether a line ends between the piece before it and this one.
    """

    kind: str
    text: str
    ends_line: bool = False


def tokens(script: str) -> Iterator[Token]:
    """Read a script, without its comments.

    Raises:
        ScriptError: There is something that is no JavaScript, or none that this knows.
    """
    at, line, before = 0, False, Token("sign", ";")
    braces: list[int] = []
    while at < len(script):
        found = _TOKEN.match(script, at)
        if found is None:
            raise ScriptError(f"line {script.count(chr(10), 0, at) + 1} cannot be read: {script[at : at + 40]!r}")
        kind, text = str(found.lastgroup), found[0]
        at = found.end()
        if kind == "space":
            line = line or "\n" in text
            continue
        if text == "/" and _may_be_pattern(before):
            kind, text, at = _longer("pattern", _PATTERN, script, found.start())
        elif text == "`" or (text == "}" and braces and braces[-1] == 0):
            if text == "}":
                braces.pop()
            _, rest, at = _longer("piece", _PIECE, script, at)
            kind, text = "piece", text + rest
            if rest.endswith(OPEN):
                braces.append(0)
        elif braces and text in "{}":
            braces[-1] += 1 if text == "{" else -1
        before = Token(kind, text, line)
        line = False
        yield before


def _may_be_pattern(before: Token) -> bool:
    if before.kind == "word":
        return before.text in _BEFORE_PATTERN
    return (before.kind == "sign" and before.text not in _ENDS) or before.text.endswith(OPEN)


def _longer(kind: str, expression: re.Pattern[str], script: str, at: int) -> tuple[str, str, int]:
    found = expression.match(script, at)
    if found is None:
        raise ScriptError(f"line {script.count(chr(10), 0, at) + 1} begins a {kind} without an end")
    return kind, found[0], found.end()
