"""Hear what the other aggregator of a pair sees, and say what this one does."""

from __future__ import annotations

import logging
import secrets
from pathlib import PurePath
from typing import Final

from fog_aggregator.rules.alerts.pair import Pair, VerdictsError, View, decode, encode, limited
from fog_aggregator.rules.evaluate import RuleGroupState
from fog_aggregator.rules.model import RuleGroup
from fog_aggregator.rules.rule_set import verdicts
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

    def view(self, group: RuleGroup, at: int) -> View:
        """Return the words of the other aggregators on a group at a time."""
        return View(self._pair, _name(group), at)

    async def say(self, group: RuleGroupState, at: int, interval: int, *, ready: bool) -> None:
        """Say which alerts of a group fire, and which ones ended."""
        if group.alerting:
            word = verdicts(group, self.view(group.group, at), interval, ready=ready)
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
