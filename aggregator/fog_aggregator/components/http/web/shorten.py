"""Write scripts in fewer bytes: with short names, without comments and needless space."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fog_aggregator.components.http.web.bundle import Script
from fog_aggregator.components.http.web.names import renamed
from fog_aggregator.components.http.web.script import CLOSED, OPEN, Token, tokens


def shortened(first: Script, later: Script, address: str) -> tuple[str, str]:
    """Return two scripts in fewer bytes, with the words by which the second one imports names of the first.

    Args:
        first: The one that is there already when the second one is asked for.
        later: The second one.
        address: Of the first one, as the second one imports it.

    Raises:
        ScriptError: They cannot be read.
    """
    pieces = list(tokens(first.text))
    both, names = renamed([*pieces, *tokens(later.text)])
    shared = ",".join(names[name] for name in first.exports)
    given = ",".join(f"{names[name]} as {name}" for name in later.exports)
    return (
        f"{written(both[: len(pieces)])}export{{{shared}}};",
        f'import{{{shared}}}from"{address}";{written(both[len(pieces) :])}export{{{given}}};',
    )


def written(script: Sequence[Token]) -> str:
    """Return a script as a text, with the space and the signs that it needs."""
    found: list[str] = []
    before = Token("sign", ";")
    for one in _joined(list(_needed(script))):
        if one.ends_line and _may_end(before) and _may_begin(one):
            found.append("\n")
        elif _touch(before, one):
            found.append(" ")
        found.append(one.text)
        before = one
    return "".join(found)


def _needed(script: Sequence[Token]) -> Iterator[Token]:
    """Return the pieces without brackets around an arrow's one parameter, and what may be left out before a bracket."""
    for place, one in enumerate(script):
        after, second, third = ([piece.text for piece in script[place + 1 : place + 4]] + ["", "", ""])[:3]
        before = script[place - 1].kind if place else ""
        if one.text == "(" and (second, third) == (")", "=>") and script[place + 1].kind == "word":
            continue
        if one.text == ")" and after == "=>" and before == "word" and script[place - 2].text == "(":
            continue
        if (one.text == ";" and after == "}") or (one.text == "," and after in (")", "]", "}")):
            continue
        yield one


def _joined(script: Sequence[Token]) -> Iterator[Token]:
    """Return the pieces with `let` for `const`, and declarations that follow each other as one."""
    declares = [False]
    for place, one in enumerate(script):
        text = one.text
        is_piece = one.kind == "piece"
        if text in (")", "]", "}") or (is_piece and text.startswith(CLOSED)):
            declares.pop()
        if _begins_declaration(script, place):
            follows = declares[-1] and script[place - 1].text == ";"  # which has become a comma
            declares[-1] = True
            if not follows:
                yield replace(one, text="let")
        elif text == ";" and declares[-1]:
            declares[-1] = goes_on = _begins_declaration(script, place + 1)
            yield replace(one, text=",") if goes_on else one
        else:
            yield one
        if text in ("(", "[", "{") or (is_piece and text.endswith(OPEN)):
            declares.append(False)


def _begins_declaration(script: Sequence[Token], place: int) -> bool:
    """Tell whether a piece is the word before a declared name, and not a property of that name."""
    if place + 1 >= len(script) or script[place].text not in ("const", "let"):
        return False
    return script[place + 1].kind == "word" or script[place + 1].text in ("{", "[")


def _may_end(before: Token) -> bool:
    """Tell whether a statement may end with a piece at the end of a line."""
    return before.kind != "sign" or before.text in (")", "]", "++", "--")


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
