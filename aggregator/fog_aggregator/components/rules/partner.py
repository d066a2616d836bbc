"""Hear what the other aggregator of a pair sees, and say what this one does."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from pathlib import PurePath
from typing import Final

from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.alerts.pair import Pair, Verdicts, VerdictsError, decode, encode, limited, name_of
from fog_aggregator.rules.evaluate import RuleGroupState
from fog_aggregator.rules.model import RuleGroup
from fog_aggregator.rules.rule_set import not_judged, seen_true
from fog_bus.ports import Transport
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator.rules")
VERDICTS: Final = "~verdicts"
"""The token below a subtree's alerts under which its aggregators speak to each other."""


class Partner:
    """The other aggregators of the same part of the tree. Belongs to the event loop, but for `view`.

    Args:
        bus: Carries the words.
        subjects: The subjects of alerts.
        path: The part of the tree.
    """

    def __init__(self, bus: Transport, subjects: Subjects, path: Path) -> None:
        self._bus = bus
        self._subject = subjects.alerts((*path, VERDICTS))
        self._pair = Pair(secrets.token_hex(8))

    async def listen(self) -> None:
        """Hear the others from now on."""
        await self._bus.listen([self._subject], self._hear)

    def view(self, group: RuleGroup, at: int) -> Callable[[Labels], bool]:
        """Return who tells whether another aggregator still sees an alert of a group fire."""
        name = _name(group)
        return lambda labels: self._pair.still_fires(name, labels, at)

    def judges(self, group: RuleGroup, at: int) -> Callable[[str], bool]:
        """Return who tells whether another aggregator gives verdicts on the alerts of a name."""
        name = _name(group)
        return lambda alert: self._pair.judges(name, alert, at)

    async def say(self, group: RuleGroupState, at: int, interval: int, *, ready: bool) -> None:
        """Say which alerts of a group fire."""
        if group.alerting:
            firing = frozenset(map(name_of, seen_true(group)))
            word = Verdicts(self._pair.replica, _name(group.group), at, interval, ready, firing, not_judged(group))
            await self._bus.send(self._subject, encode(limited(word)))

    def _hear(self, subject: str, data: bytes) -> None:
        del subject
        try:
            self._pair.hear(decode(data))
        except VerdictsError as error:
            LOGGER.debug("%s: %s", self._subject, error)


def _name(group: RuleGroup) -> str:
    """Name a group alike in all aggregators, wherever each has its files."""
    return f"{PurePath(group.file).name}/{group.name}"
