"""Write a script in fewer bytes: without needless space, and with short names for its own variables.

A name is made short, everywhere alike, where it is nowhere that of a property, and no global one: so each variable
keeps its meaning, whatever is shadowed by what. Names that begin with `_` are the script's own properties, and are made
short as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, product
from string import ascii_letters
from typing import Final

from fog_aggregator.components.http.web.script import Token, tokens

_KEYWORDS: Final = """
arguments as async await break case catch class const constructor continue default delete do else export extends false
finally for from function get if import in instanceof let new null of return set static super switch this throw true try
typeof undefined var void while yield
"""
_GLOBALS: Final = """
AbortController AbortSignal Array Boolean CSS CustomEvent DOMException Date Error EventTarget Float32Array Float64Array
HTMLAnchorElement HTMLElement Infinity Int32Array Intl JSON Map Math NaN Node Number Object Promise RegExp
ResizeObserver Set String TextDecoderStream URL URLSearchParams Uint16Array Uint32Array Uint8Array atob
cancelAnimationFrame clearInterval clearTimeout console decodeURIComponent document encodeURIComponent fetch
getComputedStyle history isNaN location matchMedia navigator parseInt performance requestAnimationFrame setInterval
setTimeout structuredClone when window
"""
"""Names of a browser that the page uses, or gave to something else; a test asks a browser whether one is missing."""
LEFT_ALONE: Final = frozenset(f"{_KEYWORDS} {_GLOBALS}".split())

_OPENING, _CLOSING = "([{", ")]}"
_MEMBER_AFTER: Final = frozenset(("{", "}", ";", "static", "get", "set", "async"))


def shortened(script: str) -> str:
    """Return the same script in fewer bytes.

    Raises:
        ScriptError: It cannot be read.
    """
    read = list(tokens(script))
    names = short_names(read)
    return written(
        Token(one.kind, names.get(one.text, one.text), one.ends_line) if one.kind == "word" else one for one in read
    )


def short_names(script: Sequence[Token]) -> dict[str, str]:
    """Return the names that are made short, with their short ones: the most frequent ones have one letter."""
    words = Counter(one.text for one in script if one.kind == "word")
    stays = LEFT_ALONE | {script[place].text for place in _properties(script)}
    chosen = [word for word, _ in words.most_common() if word not in stays or (word[0] == "_" and word[:2] != "__")]
    free = (name for name in _names() if name not in words and name not in LEFT_ALONE)
    return dict(zip(chosen, free, strict=False))


def _names() -> Iterator[str]:
    for length in count(1):
        yield from map("".join, product(ascii_letters, repeat=length))


def _properties(script: Sequence[Token]) -> Iterator[int]:
    """Find the words that are names of properties, or may be."""
    ends, inside = _brackets(script)
    nothing = Token("sign", ";")
    for place, word in enumerate(script):
        if word.kind != "word":
            continue
        before = script[place - 1].text if place else ";"
        after = script[place + 1].text if place + 1 < len(script) else nothing.text
        within = inside[place]
        if (
            before in (".", "?.")
            or _is_member(before, within)
            or (within == "{" and _is_key(script, ends, place, before, after))
        ):
            yield place


def _is_member(before: str, within: str) -> bool:
    return within == "class" and before in _MEMBER_AFTER


def _is_key(script: Sequence[Token], ends: Mapping[int, int], place: int, before: str, after: str) -> bool:
    """Tell whether a word directly within braces is a key, alone or with a value, or the name of a method."""
    if before not in ("{", ",", "async", "get", "set"):
        return False
    if after == "(":
        end = ends[place + 1]
        return end + 1 < len(script) and script[end + 1].text == "{"
    return after in (":", ",", "}", "=")


def _brackets(script: Sequence[Token]) -> tuple[dict[int, int], list[str]]:
    """Find where each bracket is closed, and which one each piece is within: `class` is the body of one."""
    ends: dict[int, int] = {}
    inside: list[str] = []
    opened: list[tuple[int, str]] = [(-1, "")]
    is_class = False
    for place, one in enumerate(script):
        closes = one.text in _CLOSING if one.kind == "sign" else one.kind == "piece" and one.text[0] == "}"
        if closes:
            ends[opened.pop()[0]] = place
        inside.append(opened[-1][1])
        is_class = is_class or (one.text == "class" and one.kind == "word" and script[place + 1].text != ":")
        if one.kind == "sign" and one.text in _OPENING:
            opened.append((place, "class" if is_class and one.text == "{" else one.text))
            is_class = is_class and one.text != "{"
        elif one.kind == "piece" and one.text.endswith("${"):
            opened.append((place, "("))
    return ends, inside


def written(script: Iterator[Token]) -> str:
    """Return a script as a text, with the space that it needs."""
    found: list[str] = []
    before = Token("sign", ";")
    for one in script:
        if one.ends_line and _may_end(before) and _may_begin(one):
            found.append("\n")
        elif _touch(before, one):
            found.append(" ")
        found.append(one.text)
        before = one
    return "".join(found)


def _may_end(before: Token) -> bool:
    """Tell whether a statement may end with a piece at the end of a line."""
    return before.kind != "sign" or before.text in ("}", ")", "]", "++", "--")


def _may_begin(after: Token) -> bool:
    return after.kind != "sign" or after.text in ("(", "[", "{", "+", "-", "/", "++", "--", "!", "~")


def _touch(before: Token, after: Token) -> bool:
    """Tell whether two pieces would become another one without a space between them."""
    one, other = before.text[-1], after.text[0]
    if before.kind in ("word", "number", "pattern") and after.kind in ("word", "number"):
        return True
    return (
        (one == other and one in "+-/") or (one == "/" and other == "*") or (before.kind == "number" and other == ".")
    )
