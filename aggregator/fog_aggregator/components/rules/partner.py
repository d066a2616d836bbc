"""Hear what the other aggregator of a pair sees and has told, and say what this one does."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any, Final

from fog_aggregator.core.saved import Saved, as_flag
from fog_aggregator.notifications.deliveries import Deliveries, DeliveryOrder, encode_deliveries
from fog_aggregator.rules.alerts.pair import INTERVALS, Pair, Verdicts, VerdictsError, View, decode, encode, limited
from fog_aggregator.rules.evaluate import RuleGroupState
from fog_aggregator.rules.model import RuleGroup
from fog_aggregator.rules.rule_set import verdicts
from fog_bus.ports import Transport
from fog_bus.rate_limited_log import RateLimitedLog
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator.rules")
VERDICTS: Final = "~verdicts"
"""The token below a subtree's alerts under which its aggregators speak to each other."""
_MAX_ASKED: Final = 8
"""Aggregators that are answered at once."""
_BETWEEN_ANSWERS: Final = 1.0
"""Seconds: whoever asks again and again gets no more answers than that."""


class Partner:
    """The other aggregators of the same part of the tree. Belongs to the event loop, but for `view`.

    Args:
        bus: Carries the words.
        subjects: The subjects of alerts.
        path: The part of the tree.

    Attributes:
        order: Says which of them tells a receiver.
        is_known: Whether another one was heard, in this run or in the one before.
    """

    def __init__(self, bus: Transport, subjects: Subjects, path: Path) -> None:
        self._bus = bus
        self._subject = subjects.alerts((*path, VERDICTS))
        self._pair = Pair(secrets.token_hex(8))
        self.order = DeliveryOrder(self._pair.replica, lambda name: self._pair.is_ready(name, self._now()))
        self._now: Callable[[], int] = lambda: 0
        self._names: Mapping[tuple[str, str], str] = {}
        self.is_known = False
        self._last_words: dict[str, bytes] = {}
        self._asked: list[str] = []
        self._wake, self._answered = asyncio.Event(), asyncio.Event()
        self._complain = RateLimitedLog(time.monotonic, logger=LOGGER)

    def begin(self, groups: Sequence[RuleGroup]) -> None:
        """Speak of these groups from now on."""
        self._names = names_of(groups)
        self._last_words = {name: word for name, word in self._last_words.items() if name in self._names.values()}

    async def talk(self, now: Callable[[], int]) -> None:
        """Hear the others, and ask them; say at once what this one has told receivers, and answer those that ask.

        Args:
            now: Tells the time of evaluations, milliseconds.
        """
        self._now, self.order.on_news = now, self._wake.set
        await self._bus.listen([self._subject], self._hear)
        await self._bus.connected()
        await self._send_all(self.order.everything(asks=True))
        answered_at = -_BETWEEN_ANSWERS
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self._send_all(self.order.news())
            if self._asked:
                await asyncio.sleep(answered_at + _BETWEEN_ANSWERS - time.monotonic())
                answered_at = time.monotonic()
                asked, self._asked = self._asked, []
                for word in list(self._last_words.values()):
                    await self._bus.send(self._subject, word)
                await self._send_all(word for one in asked for word in self.order.everything(answers=one))

    async def meet(self, patience: float) -> None:
        """Wait until another one has answered the question of the start, at most `patience` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._answered.wait()
        self.is_known = self._answered.is_set()

    def others(self) -> list[dict[str, Any]]:
        """Return the other aggregators that were heard in this run: how long ago, and whether they are ready."""
        now = self._now()
        return [
            {
                "ready": self._pair.is_ready(one.replica, now),
                "age_seconds": max(0, now - one.at) / 1000,
                "silent": abs(now - one.at) > INTERVALS * one.interval,
            }
            for one in self._pair.others()
        ]

    def view(self, group: RuleGroup, at: int) -> View:
        """Return the words of the other aggregators on a group at a time."""
        return View(self._pair, self._names[group.file, group.name], at)

    async def say(self, group: RuleGroupState, at: int, interval: int, *, ready: bool) -> None:
        """Say which alerts of a group fire, and which ones ended."""
        self._pair.ready = ready
        if group.alerting:
            word = verdicts(group, self.view(group.group, at), interval, ready=ready)
            word_bytes = self._last_words[word.group] = encode(limited(word))
            await self._bus.send(self._subject, word_bytes)

    async def _send_all(self, words: Iterable[Deliveries]) -> None:
        for word in list(words):
            await self._bus.send(self._subject, encode_deliveries(word))

    def image(self) -> Saved:
        """Return whether there is another aggregator: then it is asked before anything is told."""
        return Saved({"is_known": self.is_known})

    def restore(self, saved: Saved) -> None:
        """Take over what was saved.

        Raises:
            DamagedError: It is not what `image` returns.
        """
        self.is_known = saved.value("is_known", as_flag)

    def _hear(self, subject: str, data: bytes) -> None:
        del subject
        try:
            word = decode(data)
        except VerdictsError as error:
            LOGGER.debug("%s: %s", self._subject, error)
            return
        self.is_known |= word.replica != self._pair.replica
        if isinstance(word, Verdicts):
            self._hear_verdicts(word)
        else:
            self._hear_deliveries(word)

    def _hear_verdicts(self, word: Verdicts) -> None:
        now = self._now()
        if not self._pair.hear(word, now):
            apart = f"{abs(word.at - now) / 1000:.0f} s {'before' if word.at < now else 'after'} ours"
            text = f"the other aggregator has no say in alerts: its clock, or the time of its server, is {apart}"
            self._complain(logging.WARNING, "clock", text)

    def _hear_deliveries(self, word: Deliveries) -> None:
        self.order.hear(word, self._now())
        if word.answers == self._pair.replica:
            self._answered.set()
        if word.asks and word.replica != self._pair.replica and word.replica not in self._asked:
            self._asked = [*self._asked, word.replica][:_MAX_ASKED]
            self._wake.set()


def names_of(groups: Sequence[RuleGroup]) -> dict[tuple[str, str], str]:
    """Name groups alike in all aggregators, wherever each has its files: by file and group.

    A file is named by its path within the directory that all files of the same name lie in: `rules.yml` where there is
    one of the name, and with the directory before it where there are two of the name in neighbouring directories.
    """
    alike: dict[str, set[str]] = {}
    for group in groups:
        alike.setdefault(PurePath(group.file).name, set()).add(str(PurePath(group.file).parent))
    names = {}
    for group in groups:
        file = PurePath(group.file)
        names[group.file, group.name] = f"{_below(file, alike[file.name])}/{group.name}"
    return names


def _below(file: PurePath, parents: set[str]) -> PurePath:
    if len({PurePath(parent).is_absolute() for parent in parents}) > 1:
        return file  # as it was configured: the two have nothing in common
    return file.relative_to(os.path.commonpath(parents))
