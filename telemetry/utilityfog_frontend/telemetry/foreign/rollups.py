"""How a tree merges the gauges of a source, chosen by patterns of names."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from utilityfog_frontend.telemetry.model import ROLLUPS, Family
from utilityfog_frontend.telemetry.support import arguments

RollupByName = Mapping[str, str | Sequence[str]]
"""A pattern of `fnmatch` (`process_*`), and a rollup or several, the headline first; the first pattern that fits."""


class RollupChoice:
    """Choices by name.

    Raises:
        ValueError: a choice is not one of `ROLLUPS`.
        TypeError: no mapping of patterns to choices.
    """

    def __init__(self, by_name: RollupByName | None) -> None:
        self._choices = [
            (pattern, (choice,) if isinstance(choice, str) else arguments.items(f"rollup of {pattern!r}", choice))
            for pattern, choice in arguments.mapping("the rollups of a source", by_name).items()
        ]
        for pattern, choices in self._choices:
            for choice in choices:
                if choice not in ROLLUPS:
                    raise ValueError(f"rollup of {pattern!r}: {choice!r} is not one of {', '.join(ROLLUPS)}")

    def apply(self, family: Family) -> Family:
        """Return the family with the rollup that was chosen for its name; a count's has none."""
        if not family.type.incremental:
            for pattern, choices in self._choices:
                if fnmatchcase(family.name, pattern):
                    return replace(family, rollup=choices)
        return family
