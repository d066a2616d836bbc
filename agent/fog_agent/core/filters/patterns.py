"""Regular expressions of RE2's syntax that cannot hang a node, whether RE2 is installed or not.

Python's own engine tries again and again: ``(a+)+b`` takes half a second for 24 letters, and twice as long for each one
more. So without RE2 a repetition within a repetition is refused, and a text is the shorter the more repetitions may
share it. A pattern matches the whole text, a dot any character of it, as in Prometheus.

Some patterns mean one thing to RE2 and another to Python's engine, as ``[[:alpha:]]`` does. They are left to RE2, and
refused without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import factorial
from typing import Any, Final, Protocol

MAX_PATTERN: Final = 1_000
"""Characters of a pattern."""
MOST_REPETITIONS: Final = 4
MOST_CHOICES: Final = 64
"""The ways to go through a pattern without its repetitions: two for each question mark, one for each alternative."""
MOST_STEPS: Final = 4_000_000
"""Of Python's engine for one text, at worst: a tenth of a second or two."""
MOST_CHARACTERS: Final = 16_384
"""Of a text."""

_ESCAPE: Final = re.compile(r"\\(?:x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ALIKE: Final = re.compile(r"\\(?:[dDwWafnrtv]|x[0-9a-fA-F]{2}|[!-/:-@\[-`{-~ ])")
"""Escapes that mean the same to both engines, also in a class. A vertical tab is a space for one of them alone."""
_OF_SETS: Final = re.compile(r"\[|--|&&|~~|\|\|")
"""In a class: Python may read them as sets one day, and does not know POSIX's classes."""
_CLASS: Final = re.compile(r"\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]", re.DOTALL)
_REPEAT: Final = re.compile(r"(?:[*+]|\{(\d{1,9})(?:,(\d{0,9}))?\})(\?|\+)?", re.ASCII)
_MOST_TIMES: Final = 1_000
"""RE2's bound for a repetition."""
_GROUP: Final = re.compile(r"\((\?(?:P<\w+>|([imsU]*)(?:-[imsU]+)?:|([imsU]+)\)))?", re.ASCII)
_REFERENCE: Final = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})", re.ASCII)


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


class Match(Protocol):
    """Tell what a text has matched."""

    def group(self, name: Any) -> Any:
        """Return the text of a group, by its number or its name."""

    def groupdict(self) -> Mapping[str, Any]:
        """Return the texts of the groups that have names."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that matches whole texts.

    Args:
        text: As it was written.
        longest: The most characters of a text that it is tried on; None for any number.
    """

    text: str
    longest: int | None = field(default=None, compare=False)
    _match: Callable[[str], Match | None] = field(default=lambda _: None, compare=False, repr=False)
    _match_longer: Callable[[str], Match | None] | None = field(default=None, compare=False, repr=False)

    def match(self, text: str) -> Match | None:
        """Match a whole text.

        Raises:
            PatternError: It is too long for this pattern.
        """
        if self.longest is None or len(text) <= self.longest:
            return self._match(text)
        if self._match_longer is None:
            raise PatternError(f"{len(text)} characters: {self.text!r} is tried on {self.longest} at most")
        return self._match_longer(text)


def compile_pattern(text: str, *, with_re2: bool = True) -> Pattern:
    """Compile a pattern: by Python's engine, four times as fast, where it cannot hang; else by RE2, if it is installed.

    Raises:
        PatternError: It is too long, is no pattern, or may hang.
    """
    if len(text) > MAX_PATTERN:
        raise PatternError(f"has {len(text)} characters, and may have {MAX_PATTERN}")
    linear = _by_re2(text) if with_re2 else None
    try:
        longest = _Scan(text).longest()
        return Pattern(text, longest, re.compile(text, re.DOTALL | re.ASCII).fullmatch, linear)
    except PatternError:
        if linear is None:
            raise
    except (re.error, RecursionError, OverflowError) as error:
        if linear is None:
            raise PatternError(str(error)) from None
    return Pattern(text, None, linear)


def _by_re2(text: str) -> Callable[[str], Match | None] | None:
    re2 = _re2()
    if re2 is None:
        return None
    options = re2.Options()
    options.log_errors, options.dot_nl = False, True
    try:
        fullmatch: Callable[[str], Match | None] = re2.compile(text, options).fullmatch
    except re2.error as error:
        raise PatternError(_words_of(error)) from None
    return fullmatch


def _words_of(error: Exception) -> str:
    words = error.args[0] if error.args else error
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)


def _re2() -> Any:
    try:
        import re2
    except ImportError:
        return None
    return re2


def expand(template: str, match: Match) -> str:
    """Put what was matched into a template: ``$1``, ``${1}``, ``${name}``, and ``$$`` for a dollar; else nothing."""

    def found(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdecimal() else name) or ""
        except (IndexError, KeyError, ValueError):  # the last for thousands of digits
            return ""

    return _REFERENCE.sub(found, template)


def _differs(part: str) -> PatternError:
    return PatternError(
        f"{part!r} may mean something else to Python's engine than to RE2: write it otherwise, or install google-re2"
    )


class _Scan:
    """Go once through a pattern, and count what may take time.

    Args:
        text: The pattern.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._repetitions, self._choices = 0, 1
        self._groups = [[False, 1]]  # of each that is open: whether it varies, and its alternatives
        self._last_varies = self._ignores_case = False

    def longest(self) -> int:
        """Return how many characters of a text the pattern may be tried on.

        Raises:
            PatternError: It may take for ever, or may mean something else to RE2.
        """
        at = 0
        while at < len(self._text):
            at = self._step(at)
        count, choices = self._repetitions, self._choices
        if count > MOST_REPETITIONS or choices > MOST_CHOICES:
            raise PatternError(
                f"has {count} repetitions, and {choices} ways through its optional parts and alternatives, of at most "
                f"{MOST_REPETITIONS} and {MOST_CHOICES}: it may take for ever; write it without, or install google-re2"
            )
        return min(MOST_CHARACTERS, int((MOST_STEPS * factorial(count) / choices) ** (1 / max(count, 1))))

    def _step(self, at: int) -> int:
        """Take one item of the pattern; return where the next one begins."""
        text, char = self._text, self._text[at]
        if item := _ESCAPE.match(text, at) or _CLASS.match(text, at):
            self._compare(item[0])
            self._last_varies = False
        elif item := _REPEAT.match(text, at):
            self._repeat(item)
        elif char in "{$" and not self._ends(at):
            raise _differs(text[at:])
        elif char == "?":
            self._choices *= 2
            self._groups[-1][0] = self._last_varies = True
        elif char == "(":
            return self._open(at)
        elif char == ")":
            self._close()
        elif char == "|":
            self._groups[-1] = [True, self._groups[-1][1] + 1]
        else:
            self._compare(char)
            self._last_varies = False
        return item.end() if item else at + 1

    def _ends(self, at: int) -> bool:
        """Tell whether a dollar ends the pattern: elsewhere Python's also stands before a newline that is the last."""
        rest = self._text[at + 1 :]
        return self._text[at] == "$" and (not rest.strip(")") or (len(self._groups) == 1 and rest[0] == "|"))

    def _compare(self, item: str) -> None:
        """Refuse a character, an escape or a class that the engines may read differently."""
        escapes = [] if item in {r"\b", r"\A"} else _ESCAPE.findall(item)
        if item == "[":
            raise PatternError("has a [ without its ]")
        if not all(map(_ALIKE.fullmatch, escapes)) or _OF_SETS.search(_ESCAPE.sub("", item[1:])):
            raise _differs(item)
        if self._ignores_case and (item[0] in "[\\kKsS" or not item.isascii()):
            raise _differs(f"(?i){item}")

    def _repeat(self, item: re.Match[str]) -> None:
        if item[3] == "+" or max(int(times or 0) for times in item.group(1, 2)) > _MOST_TIMES:
            raise PatternError(f"{item[0]} is not in RE2's syntax")
        if self._last_varies:
            raise PatternError(
                f"{self._text[item.start() :]!r} repeats what has repetitions or alternatives itself, which may take "
                "for ever: write it without, or install google-re2"
            )
        self._repetitions += 1
        self._groups[-1][0] = self._last_varies = True

    def _open(self, at: int) -> int:
        item = _GROUP.match(self._text, at)
        if item is None or (item[1] is None and self._text[at + 1 : at + 2] == "?"):
            raise PatternError(f"{self._text[at : at + 4]!r} is not in RE2's syntax")
        self._ignores_case |= "i" in (item[2] or item[3] or "")
        if not item[0].endswith(")"):  # as that of (?i) does
            self._groups.append([False, 1])
        return item.end()

    def _close(self) -> None:
        if len(self._groups) > 1:
            varies, alternatives = self._groups.pop()
            self._choices *= alternatives
            self._groups[-1][0] |= varies
            self._last_varies = bool(varies)
