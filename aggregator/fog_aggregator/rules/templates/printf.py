"""Go's `printf`: verbs, flags, widths and precisions, and its notes on what does not fit together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from fog_aggregator.rules.templates.values import Struct, quote, show, type_name

_DIRECTIVE: Final = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d{0,9})(?P<point>\.(?P<precision>\d{0,9}))?(?P<verb>.?)", re.DOTALL
)
_MOST: Final = 10_000
"""Of a width and a precision; Go's own limit, a million, would let a short template fill the memory."""


class _Form:
    """One directive: its flags, width, precision (None without) and verb."""

    def __init__(self, match: re.Match[str]) -> None:
        self.flags = match["flags"]
        self.columns = int(match["width"] or 0)
        self.precision = int(match["precision"] or 0) if match["point"] else None
        self.verb = match["verb"]
        self.refused = ""
        if self.columns > _MOST:
            self.columns, self.refused = 0, "%!(BADWIDTH)"
        if (self.precision or 0) > _MOST:
            self.precision, self.refused = None, "%!(BADPREC)"

    def pad(self, text: str, *, zeros: bool = False) -> str:
        """Fill up to the width: on the right for a minus, with zeros behind the sign where it may."""
        if "-" in self.flags:
            return text.ljust(self.columns)
        return text.zfill(self.columns) if zeros and "0" in self.flags else text.rjust(self.columns)


def sprintf(template: str, arguments: Sequence[Any]) -> str:
    """Write arguments into a template."""
    used = 0

    def write(match: re.Match[str]) -> str:
        nonlocal used
        form = _Form(match)
        if form.verb == "%":
            return "%"
        if not form.verb:
            return "%!(NOVERB)"
        if used == len(arguments):
            return f"%!{form.verb}(MISSING)"
        used += 1
        return form.refused + _write(form, arguments[used - 1])

    text = _DIRECTIVE.sub(write, template)
    extra = ", ".join(_typed(value) for value in arguments[used:])
    return f"{text}%!(EXTRA {extra})" if extra else text


def _typed(value: Any) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={show(value)}"


def _write(form: _Form, value: Any) -> str:
    if form.verb == "T":
        return form.pad(type_name(value))
    if value is None:
        return form.pad("<nil>") if form.verb == "v" else f"%!{form.verb}(<nil>)"
    text = _WRITERS[type(value)](form, value)
    if text is not None:
        return text
    verb, form.verb = form.verb, "v"
    return f"%!{verb}({type_name(value)}={_write(form, value)})"


def _bool(form: _Form, value: bool) -> str | None:  # noqa: FBT001 - the value to write
    return form.pad(show(value)) if form.verb in "vt" else None


def _integer(form: _Form, value: int) -> str | None:
    if form.verb in "cqU":
        return _character(form, value)
    bases = {"v": "d", "d": "d", "b": "b", "o": "o", "x": "x", "X": "X"}
    if form.verb not in bases:
        return None
    digits = format(abs(value), bases[form.verb]).zfill(form.precision or 0)
    prefix = {"x": "0x", "X": "0X", "o": "0", "b": "0b"}.get(form.verb, "") if "#" in form.flags else ""
    return form.pad(_sign(form, value < 0) + prefix + digits, zeros=form.precision is None)


def _character(form: _Form, value: int) -> str:
    if form.verb == "U":
        return form.pad(f"U+{value:04X}")
    letter = chr(value) if 0 <= value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF else "\ufffd"
    return form.pad(letter if form.verb == "c" else f"'{quote(letter)[1:-1]}'")


def _sign(form: _Form, negative: bool) -> str:  # noqa: FBT001 - of the number to write
    return "-" if negative else "+" if "+" in form.flags else " " if " " in form.flags else ""


def _float(form: _Form, value: float) -> str | None:
    if form.verb not in "vgGeEfF":
        return None
    if not math.isfinite(value):
        text = "NaN" if math.isnan(value) else "Inf"
        sign = "+" if value > 0 and "+" not in form.flags and " " not in form.flags else ""
        return form.pad(sign + _sign(form, value < 0) + text)
    size, verb = abs(value), {"v": "g", "F": "f"}.get(form.verb, form.verb)
    if form.precision is None and verb in "gG":
        text = show(size)
        text = text.upper() if verb == "G" else text
    else:
        precision = 6 if form.precision is None else form.precision
        text = format(size, f"{'#' if '#' in form.flags else ''}.{precision}{verb}")
    return form.pad(_sign(form, math.copysign(1, value) < 0) + text, zeros=True)


def _text(form: _Form, value: str) -> str | None:
    cut = value if form.precision is None else value[: form.precision]
    if form.verb in "vs":
        return form.pad(cut, zeros=True)
    if form.verb == "q":
        return form.pad(f"`{cut}`" if "#" in form.flags and "`" not in cut else quote(cut), zeros=True)
    if form.verb in "xX":
        data = cut.encode().hex(" " if " " in form.flags else "") if " " in form.flags else cut.encode().hex()
        return form.pad(data.upper() if form.verb == "X" else data, zeros=True)
    return None


def _map(form: _Form, value: dict[str, str]) -> str:
    """Write a map: the verb is for each key and value."""
    verb, pairs = form.verb, []
    for pair in sorted(value.items()):
        parts = []
        for part in pair:
            form.verb = verb
            parts.append(_write(form, part))
        pairs.append(":".join(parts))
    return f"map[{' '.join(pairs)}]"


def _other(form: _Form, value: Any) -> str | None:
    """Write a list or a sample: only as a value or as texts."""
    return form.pad(show(value)) if form.verb in "vs" else None


_WRITERS: Final[dict[type, Callable[[_Form, Any], str | None]]] = {
    bool: _bool,
    int: _integer,
    float: _float,
    str: _text,
    dict: _map,
    list: _other,
    Struct: _other,
}
