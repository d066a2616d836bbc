"""Refuse arguments of the wrong type or out of bounds: each error says which one, what it was, and what it must be.

Everything here is for the moment of a registration or a start; what runs at each increment looks for itself.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from reprlib import Repr
from typing import Any, TypeVar

T = TypeVar("T")

_short = Repr()
_short.maxstring = _short.maxother = 60


def shown(value: object) -> str:
    """Return a value as an error shows it: of any size."""
    try:
        return _short.repr(value)
    except Exception:  # noqa: BLE001 - a user's type whose repr fails, or a number with too many digits for a text
        return f"a {type(value).__name__}"


def text(what: str, value: object) -> str:
    """Return a string.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, not {shown(value)}")
    return value


def seconds(what: str, value: object, *, zero: bool = False) -> float:
    """Return a number of seconds: above 0, or from 0 on with `zero`; finite.

    Raises:
        TypeError: not a number.
        ValueError: out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number of seconds, not {shown(value)}")
    if not (value >= 0 if zero else value > 0) or not value <= sys.float_info.max:
        raise ValueError(f"{what} must be {'at least' if zero else 'above'} 0 seconds, not {shown(value)}")
    return value


def number_of(what: str, value: object, least: int = 1) -> int:
    """Return how many there are of something.

    Raises:
        TypeError: not an integer.
        ValueError: fewer than `least`, or more than any memory holds.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} must be an integer, not {shown(value)}")
    if not least <= value <= sys.maxsize:
        raise ValueError(f"{what} must be at least {least}, not {shown(value)}")
    return value


def function(what: str, value: T) -> T:
    """Return what can be called.

    Raises:
        TypeError: it cannot.
    """
    if not callable(value):
        raise TypeError(f"{what} must be callable, not {shown(value)}")
    return value


def path_of(what: str, value: object) -> str:
    """Return a path as text.

    Raises:
        TypeError: it is none.
        ValueError: it is empty, which would be the working directory.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(path := os.fspath(value), str):
        raise TypeError(f"{what} must be a path, not {shown(value)}")
    if not path:
        raise ValueError(f"{what} must be a path, not an empty text")
    return path


def mapping(what: str, value: object) -> dict[str, Any]:
    """Return a mapping with strings as its keys as a dictionary; None is an empty one.

    Raises:
        TypeError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{what} must be a mapping of names to values, not {shown(value)}")
    return dict(value)


def items(what: str, value: object) -> tuple[Any, ...]:
    """Return the items of a sequence, or of anything else that has several, as a tuple; text is not taken for one.

    Raises:
        TypeError: it has none.
    """
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Iterable):
        raise TypeError(f"{what}, not {shown(value)}")
    return tuple(value)


def instance(what: str, value: T, kind: type) -> T:
    """Return an object of a class, or of a class below it.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{what} must be a {kind.__name__}, not {shown(value)}")
    return value


def source(collect: object, name: object, incarnation: object) -> None:
    """Check what a source is made of; names and incarnations may be left out.

    Raises:
        TypeError: one is of another type.
    """
    function("a source", collect)
    if name is not None:
        text("a source's name", name)
    if incarnation is not None:
        function("incarnation", incarnation)
