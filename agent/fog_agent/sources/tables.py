"""Read one table of a TOML file key by key, with an error that names the key and the value. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

MOST_SHOWN: Final = 60
_NEEDED: Final = object()


class Table:
    """The keys of a table. Each method takes one key; `end` refuses those that nobody took. All raise ValueError.

    A key without a default is needed.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._left = dict(table)

    def text(self, key: str, default: Any = _NEEDED) -> Any:
        """Take a text that is not empty."""
        return self._take(key, default, lambda one: isinstance(one, str) and one != "", "a text that is not empty")

    def choice(self, key: str, choices: tuple[str, ...], default: Any = _NEEDED) -> Any:
        """Take one of some texts."""
        return self._take(key, default, lambda one: one in choices, "one of " + ", ".join(map(repr, choices)))

    def flag(self, key: str, *, default: bool = False) -> bool:
        """Take true or false."""
        return bool(self._take(key, default, lambda one: isinstance(one, bool), "true or false"))

    def integer(self, key: str, low: int, high: int, default: Any = _NEEDED) -> Any:
        """Take a whole number between two, both included."""
        return self._take(
            key, default, lambda one: type(one) is int and low <= one <= high, f"a whole number from {low} to {high}"
        )

    def seconds(self, key: str, low: float, high: float, default: Any = _NEEDED) -> Any:
        """Take seconds between two, both included."""
        found = self._take(
            key,
            default,
            lambda one: type(one) in (int, float) and isfinite(one) and low <= one <= high,
            f"seconds, a number from {low:g} to {high:g}",
        )
        return found if found is default else float(found)

    def numbers(self, key: str, default: Any = _NEEDED) -> Any:
        """Take a list of finite numbers, as a tuple."""

        def fits(one: Any) -> bool:
            return isinstance(one, list) and all(type(each) in (int, float) and isfinite(each) for each in one)

        found = self._take(key, default, fits, "a list of numbers")
        return found if found is default else tuple(float(one) for one in found)

    def numbers_or(self, word: str, key: str, default: Any = _NEEDED) -> Any:
        """Take a list of finite numbers, as a tuple, or one word."""
        if self._left.get(key) == word:
            return self._left.pop(key)
        try:
            return self.numbers(key, default)
        except ValueError as error:
            raise ValueError(f"{error} or {word!r}") from None

    def texts(self, key: str, default: Any = _NEEDED) -> Any:
        """Take a list of texts, as a tuple."""

        def fits(one: Any) -> bool:
            return isinstance(one, list) and all(isinstance(each, str) for each in one)

        found = self._take(key, default, fits, "a list of texts")
        return found if found is default else tuple(found)

    def mapping(self, key: str) -> dict[str, str]:
        """Take a table of texts by name; empty by default."""

        def fits(one: Any) -> bool:
            return isinstance(one, dict) and all(isinstance(each, str) for each in one.values())

        return dict(self._take(key, {}, fits, "a table of texts"))

    def tables(self, key: str) -> list[Table]:
        """Take a list of tables; empty by default. Each is to be read and ended by itself."""

        def fits(one: Any) -> bool:
            return isinstance(one, list) and all(isinstance(each, dict) for each in one)

        return [Table(one) for one in self._take(key, [], fits, "a list of tables")]

    def end(self) -> None:
        """Refuse the keys that nobody took.

        Raises:
            ValueError: There are some.
        """
        if self._left:
            names = ", ".join(sorted(self._left))
            raise ValueError(f"{names}: no such key; look for a misspelt one, or leave it out")

    def _take(self, key: str, default: Any, fits: Any, wanted: str) -> Any:
        if key not in self._left:
            if default is _NEEDED:
                raise ValueError(f"{key} is missing: give {wanted}")
            return default
        value = self._left.pop(key)
        if not fits(value):
            shown = repr(value)
            shown = shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "…"
            raise ValueError(f"{key} = {shown}: must be {wanted}")
        return value
