"""A look at the text before the parser sees it: length, nesting and number of operators, and backquoted strings.

The parser is recursive native code: some thousand terms end the process, some hundred hold the interpreter for long,
and times out of bounds make it panic, with a trace on standard error.
"""

from __future__ import annotations

import re
from typing import Final

from fog_aggregator.promql.errors import BadQueryError

MAX_TEXT: Final = 4096
"""Bytes of an expression."""

MAX_NESTING: Final = 100
MAX_OPERATORS: Final = 200
"""Operators and signs of an expression; 200 of them take the parser some 5 ms."""

_TOKENS: Final = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<space>\s+)
    |(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<raw>`[^`]*`)
    |(?P<unclosed>["'`])
    |(?P<open>[([{])
    |(?P<close>[)\]}])
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[a-zA-Z0-9]*)
    |(?P<colon>:(?=\s*[\d.]))
    |(?P<word>[A-Za-z_:][\w:]*)
    |(?P<operator>==|!=|>=|<=|=~|!~|[-+*/%^<>=])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_OPERATOR_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})
_SIGNS: Final = ("-", "+")
_BEFORE_TIMES: Final = {"@": "timestamp", "[": "duration", ":": "duration", "offset": "duration"}
_MOST_SECONDS: Final = {"timestamp": 253_402_300_799.0, "duration": 1e13}
"""The last moment of the year 9999; some 300,000 years."""


def fence(text: str) -> str:
    """Check what the parser could not stand, and rewrite backquoted strings, which it misreads.

    Returns:
        The same expression without backquotes.

    Raises:
        BadQueryError: for a text that is too long, too deep or has too many operators, a string without an end, or a
            time out of bounds.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT:
        raise BadQueryError(f"the expression has {size} bytes: at most {MAX_TEXT} are evaluated")
    scan = _Scan()
    for match in _TOKENS.finditer(text):
        scan.take(str(match.lastgroup), match[0])
    return "".join(scan.parts)


class _Scan:
    """Counts while tokens pass."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._depth = self._operators = 0
        self._time = ""
        """The meaning of a number here: a timestamp, a duration, or empty for just a number."""
        self._negative = False

    def take(self, kind: str, token: str) -> None:
        """Look at the next token, of some kind."""
        if kind == "unclosed":
            raise BadQueryError(f"parse error: unterminated quoted string: it begins with {token}")
        self._depth += (kind == "open") - (kind == "close")
        self._operators += kind == "operator" or (kind == "word" and token.lower() in _OPERATOR_WORDS)
        if self._depth > MAX_NESTING:
            raise BadQueryError(f"the expression nests more than {MAX_NESTING} brackets: write it flatter")
        if self._operators > MAX_OPERATORS:
            raise BadQueryError(f"the expression has more than {MAX_OPERATORS} operators: split it")
        self._check_time(kind, token)
        self.parts.append(_quoted(token[1:-1]) if kind == "raw" else token)

    def _check_time(self, kind: str, token: str) -> None:
        """Refuse a number that is no time where it stands."""
        if kind in {"space", "comment"}:
            return
        if self._time and token in _SIGNS:
            self._negative ^= token == _SIGNS[0]
            return
        seconds = _seconds(token)
        if self._time and seconds is not None:
            too_early = self._time == "timestamp" and self._negative and seconds > 0
            if too_early or not seconds <= _MOST_SECONDS[self._time]:
                sign = "-" if self._negative else ""
                raise BadQueryError(f"parse error: {self._time} out of bounds: {sign}{token}")
        self._time, self._negative = _BEFORE_TIMES.get(token.lower(), ""), False


def _seconds(token: str) -> float | None:
    try:
        return float(token)
    except ValueError:
        return None


def _quoted(raw: str) -> str:
    """Write what stands between backquotes between double quotes."""
    return '"' + raw.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
