"""Make names from outside valid, and tell when two of them become one. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_NO_METRIC: Final = re.compile(r"[^a-zA-Z0-9_:]")
_NO_LABEL: Final = re.compile(r"[^a-zA-Z0-9_]")
MOST_NAMES: Final = 100_000
"""Names that are remembered, so that two which become one are told. More are made valid all the same."""


def valid_metric_name(name: str) -> str:
    """Return a name that the text format takes: other characters become `_`, and none begins with a digit.

    Raises:
        ValueError: It is empty.
    """
    return _begun(_NO_METRIC.sub("_", name), name)


def valid_label_name(name: str) -> str:
    """Return a label's name that the text format takes, not one of those that begin with two underscores.

    Raises:
        ValueError: It is empty.
    """
    valid = _begun(_NO_LABEL.sub("_", name), name)
    return valid if not valid.startswith("__") else "_" + valid.lstrip("_")


def _begun(valid: str, name: str) -> str:
    if not name:
        raise ValueError("a name is empty")
    return "_" + valid if valid[0].isdigit() else valid


class Names:
    """Make metrics' names valid, and tell of two that become one. Not thread-safe.

    Args:
        clash: Called once for each name that becomes one which another name has become already: the name, the one
            before it, and what both became. They are added up in one metric all the same.
    """

    def __init__(self, clash: Callable[[str, str, str], None]) -> None:
        self._clash = clash
        self._valid: dict[str, str] = {}
        self._first: dict[str, str] = {}

    def metric(self, name: str, suffix: str = "") -> str:
        """Return the valid name of a metric, with a suffix that it has not yet.

        Raises:
            ValueError: It is empty.
        """
        key = name + "\n" + suffix
        known = self._valid.get(key)
        if known is not None:
            return known
        valid = valid_metric_name(name)
        if suffix and not valid.endswith(suffix):
            valid += suffix
        if len(self._valid) < MOST_NAMES:
            self._valid[key] = valid
            first = self._first.setdefault(valid, name)
            if first != name:
                self._clash(name, first, valid)
        return valid
