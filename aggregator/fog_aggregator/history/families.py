"""Choose the families that a history keeps: all of them, unless the whole has more series than there may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fog_aggregator.history.capture import sample_count
from fog_aggregator.promql.labels import NAME, Matcher
from fog_aggregator.query.fleet_view import FamilySamples
from utilityfog_frontend.telemetry.names import sample_names

OWN: Final = "fog_aggregator_"
"""Families with such names are the aggregator's own: how many nodes there are is always kept."""
_MARGIN: Final = 8
"""A family that was left out comes back when this part of the limit, one in so many, would stay free."""


class FamilyChoice:
    """Remember which families are left out, so that what is kept stays, whatever comes.

    Args:
        limit: How many series the whole may have.

    Attributes:
        left_out: The names of the families that do not fit, and how many series each has.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.left_out: Mapping[str, int] = {}
        self._retained: frozenset[str] = frozenset()
        self._samples: Mapping[str, str] = {}
        self._known_lost: frozenset[str] = frozenset()

    def measured(self, families: Sequence[FamilySamples], others: int) -> frozenset[str]:
        """Take how many series each family of the whole has; return the names of those that fit.

        Families that were kept before go first, and of them and of all others those with few series: a newcomer with
        very many takes nobody's place.

        Args:
            families: All of the whole.
            others: Series of the whole beside these families', which are always kept.
        """
        room, series = self._limit - others, {one.family.name: sample_count([one]) for one in families}
        left_out: dict[str, int] = {}
        for name in sorted(
            series, key=lambda name: (not name.startswith(OWN), name not in self._retained, series[name])
        ):
            spare = self._limit // _MARGIN if name in self.left_out else 0
            if series[name] <= room - spare or name.startswith(OWN):
                room -= series[name]
            else:
                left_out[name] = series[name]
        lost = (one.family for one in families if one.family.name in left_out)
        self._samples = {sample: family.name for family in lost for sample in sample_names(family)}
        self.left_out, self._retained = left_out, frozenset(series.keys() - left_out.keys())
        return self._retained

    def asked_for(self, matchers: Sequence[Matcher]) -> str:
        """Return the name of a family that is left out, and may be among what a selector asks for; or nothing."""
        tests = [matcher.test() for matcher in matchers if matcher.name == NAME]
        return next((name for sample, name in self._samples.items() if all(test(sample) for test in tests)), "")

    def why_not(self, name: str) -> str:
        """Say why a family is not kept."""
        return f"{name} is not kept: it has {self.left_out.get(name, 0)} series, and the whole may have {self._limit}"

    def take_lost(self) -> list[str]:
        """Return the families that do not fit, and did when this was asked last, the largest first."""
        lost = sorted(self.left_out.keys() - self._known_lost, key=lambda name: (-self.left_out[name], name))
        self._known_lost = frozenset(self.left_out)
        return lost
