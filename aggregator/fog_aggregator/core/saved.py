"""Hold what one part of an aggregator saves, and check it when it is read back.

A part has `image`, which returns a `Saved`, and `restore`, which takes one. A checkpoint with a right checksum may
still be wrong inside; `restore` asks for each value with a check, so that a fault has a text and never a traceback.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.series import Labels
from fog_schema.paths import Path

T = TypeVar("T")


class DamagedError(ValueError):
    """A part cannot go on from what was saved; the text says why."""


class Part(Protocol):
    """Something that is saved."""

    def image(self) -> Saved:
        """Return what must survive; arrays may be the part's own memory."""

    def restore(self, saved: Saved) -> None:
        """Take over what was saved, into a part that is empty.

        Raises:
            DamagedError: it is not what `image` returns.
        """


class Saved:
    """The image of one part.

    Args:
        plain: values that msgpack knows, by name.
        arrays: columns, by name.
    """

    def __init__(self, plain: dict[str, Any] | None = None, arrays: dict[str, NDArray[Any]] | None = None) -> None:
        self.plain = plain or {}
        self.arrays = arrays or {}

    def value(self, name: str, check: Callable[[Any], T]) -> T:
        """Return a plain value.

        Raises:
            DamagedError: it is missing, or the check refuses it.
        """
        if name not in self.plain:
            raise DamagedError(f"{name} is missing")
        return self._checked(name, self.plain[name], check)

    def records(self, name: str, *checks: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
        """Return a list of records whose every field has its own check.

        Raises:
            DamagedError: it is missing, a record has another length, or a check refuses a field.
        """
        found = []
        for record in self.value(name, as_list):
            if len(self._checked(name, record, as_list)) != len(checks):
                raise DamagedError(f"{name} has a record of {len(record)} fields, not {len(checks)}")
            found.append(tuple(self._checked(name, field, check) for field, check in zip(record, checks, strict=True)))
        return found

    def column(self, name: str, like: type[np.generic], rows: int | None = None) -> NDArray[Any]:
        """Return an array of one dimension.

        Raises:
            DamagedError: it is missing, of another type or of another length, or has NaN.
        """
        array = self.arrays.get(name)
        if array is None:
            raise DamagedError(f"the column {name} is missing")
        if array.dtype != like or array.ndim != 1:
            raise DamagedError(f"the column {name} is {array.dtype}{array.shape}, not {np.dtype(like)}")
        if rows is not None and len(array) != rows:
            raise DamagedError(f"the column {name} has {len(array)} rows, not {rows}")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise DamagedError(f"the column {name} has what is no number")
        return array

    def under(self, prefix: str) -> dict[str, NDArray[Any]]:
        """Return the arrays whose names begin with a prefix, without it."""
        return {name.removeprefix(prefix): one for name, one in self.arrays.items() if name.startswith(prefix)}

    def _checked(self, name: str, value: Any, check: Callable[[Any], T]) -> T:
        try:
            return check(value)
        except DamagedError as error:
            raise DamagedError(f"{name}: {error}") from None


def as_integer(value: Any) -> int:
    """Check that a value is an integer."""
    if type(value) is not int:
        raise DamagedError(f"{value!r} is not an integer")
    return value


def as_count(value: Any) -> int:
    """Check that a value is an integer that is not negative."""
    if as_integer(value) < 0:
        raise DamagedError(f"{value} is negative")
    return int(value)


def as_sample(value: Any) -> float:
    """Check that a value is one that a sample may have, NaN among them; an integer stays one."""
    if type(value) not in (int, float):
        raise DamagedError(f"{value!r} is not a number")
    result: float = value
    return result


def as_number(value: Any) -> float:
    """Check that a value is a number, as columns are: NaN is none; an integer stays one."""
    number = as_sample(value)
    if number != number:  # noqa: PLR0124 - the cheapest way to ask for NaN, and integers may be too large for `isnan`
        raise DamagedError(f"{value!r} is not a number")
    return number


def as_flag(value: Any) -> bool:
    """Check that a value is true or false."""
    if type(value) is not bool:
        raise DamagedError(f"{value!r} is neither true nor false")
    return value


def as_text(value: Any) -> str:
    """Check that a value is text."""
    if type(value) is not str:
        raise DamagedError(f"{value!r} is not text")
    return value


def as_bytes(value: Any) -> bytes:
    """Check that a value is bytes."""
    if type(value) is not bytes:
        raise DamagedError(f"{value!r} is not bytes")
    return value


def as_list(value: Any) -> list[Any] | tuple[Any, ...]:
    """Check that a value is a list."""
    if not isinstance(value, list | tuple):
        raise DamagedError(f"{value!r} is not a list")
    return value


def as_texts(value: Any) -> tuple[str, ...]:
    """Check that a value is a list of text."""
    return tuple(map(as_text, as_list(value)))


def as_numbers(value: Any) -> tuple[float, ...]:
    """Check that a value is a list of numbers."""
    return tuple(map(as_number, as_list(value)))


def as_path(value: Any) -> Path:
    """Check that a value is a path."""
    return as_texts(value)


def as_text_mapping(value: Any) -> dict[str, str]:
    """Check that a value maps text to text."""
    return {as_text(key): as_text(one) for key, one in as_mapping(value).items()}


def as_mapping(value: Any) -> dict[Any, Any]:
    """Check that a value is a mapping."""
    if not isinstance(value, dict):
        raise DamagedError(f"{value!r} is not a mapping")
    return value


def as_labels(value: Any) -> Labels:
    """Check that a value is a list of names and values."""
    pairs = [as_texts(pair) for pair in as_list(value)]
    if any(len(pair) != 2 for pair in pairs):
        raise DamagedError(f"{value!r} is not a list of labels")
    return tuple((pair[0], pair[1]) for pair in pairs)


def as_is(value: Any) -> Any:
    """Take any value."""
    return value
