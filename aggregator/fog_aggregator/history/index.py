"""Find series among a hundred thousand by matchers: numbers by label set, and for each label's name its values."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from sys import getsizeof
from typing import Final

import numpy as np

from fog_aggregator.promql.labels import Labels, Matcher, MatchKind
from fog_aggregator.promql.storage import Ints, Mask

_OF_SERIES: Final = 120
"""Bytes that a series takes in a dictionary and a list, beside its label set."""


class _Column:
    """The values of one label: which series have it, and which value."""

    __slots__ = ("code_of", "codes", "numbers")

    def __init__(self) -> None:
        self.code_of: dict[str, int] = {}
        self.numbers = array("i")
        self.codes = array("i")

    def matches(self, matcher: Matcher, count: int) -> Mask:
        """Tell which of `count` series fulfil a matcher; each value is compared once."""
        test = matcher.test()
        found = np.full(count, test(""), np.bool_)
        codes = np.array(self.codes, np.int32)
        if matcher.kind in (MatchKind.EQUAL, MatchKind.NOT_EQUAL):
            verdict = (codes == self.code_of.get(matcher.value, -1)) == (matcher.kind is MatchKind.EQUAL)
        else:
            verdict = np.fromiter(map(test, self.code_of), np.bool_, len(self.code_of))[codes]
        found[np.array(self.numbers, np.int32)] = verdict
        return found


class SeriesIndex:
    """The series of one level, by number. A number stands for one label set until the index is made anew.

    Attributes:
        labels: The label sets by number.
        bytes: The memory that it takes, estimated.
    """

    def __init__(self) -> None:
        self.labels: list[Labels] = []
        self.bytes = 0
        self._numbers: dict[Labels, int] = {}
        self._columns: dict[str, _Column] = {}

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, labels: Iterable[Labels]) -> Ints:
        """Return the numbers of label sets; those that are new get the next ones."""
        numbers = self._numbers
        found = [number if (number := numbers.get(one)) is not None else self._add(one) for one in labels]
        return np.array(found, np.int64)

    def _add(self, labels: Labels) -> int:
        number = self._numbers[labels] = len(self.labels)
        self.labels.append(labels)
        self.bytes += _OF_SERIES + getsizeof(labels)
        for name, value in labels:
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = _Column()
            code = column.code_of.get(value)
            if code is None:
                code = column.code_of[value] = len(column.code_of)
                self.bytes += _OF_SERIES + getsizeof(value)
            column.numbers.append(number)
            column.codes.append(code)
            self.bytes += 8
        return number

    def find(self, matchers: Sequence[Matcher]) -> Ints:
        """Return the numbers of the series that fulfil every matcher, ascending.

        Raises:
            BadQueryError: a regular expression cannot be read.
        """
        found = np.ones(len(self.labels), np.bool_)
        for matcher in matchers:
            found &= self._columns.get(matcher.name, _NOBODY).matches(matcher, len(found))
        return np.flatnonzero(found)


_NOBODY: Final = _Column()
"""The column of a label that no series has."""
