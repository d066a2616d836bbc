"""The receivers of alerts: how each is told, and what its answers mean."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Any, ClassVar, Final, Protocol

from fog_aggregator.components.notifications.client import HttpClient, Target
from fog_aggregator.components.notifications.options import NotificationOptions, place
from fog_aggregator.notifications.alertmanager import AlertmanagerOutbox, alertmanager_body
from fog_aggregator.notifications.changes import ChangesOutbox, log_line, nats_body
from fog_aggregator.notifications.groups import Grouping, GroupsOutbox, idempotence_key, webhook_body
from fog_aggregator.notifications.outbox import Batch, Outbox
from fog_bus.ports import Bus
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

LOGGER: Final = logging.getLogger("fog_aggregator.alerts")
WHOLE: Final = ("~fleet",)
"""The place of alerts that name none, where an aggregator reads everything."""
MAX_PAYLOAD: Final = 256 * 1024
_HEADER: Final = 256
"""Bytes that a message's id may add; a server ends the connection of one whose message is too long."""
_TRY_LATER: Final = frozenset({408, 425, 429})
_NOT_THESE_ALERTS: Final = frozenset({400, 413, 422})


class Verdict(StrEnum):
    """The outcome of a message, by the value of the label `result`."""

    SENT = "sent"
    """The receiver has it."""
    FAILED = "failed"
    """It was not reached, or cannot take it now: the message is repeated."""
    REFUSED = "refused"
    """It will never take it: the message is not repeated."""


class Receiver(Protocol):
    """Somebody who is told of alerts.

    Attributes:
        outbox: The notices that it is owed.
    """

    outbox: Outbox
    heeds_silences: ClassVar[bool]
    """It is told of nothing that is silenced here."""
    takes_turns: ClassVar[bool]
    """It does not know what it was told before: of several aggregators one tells it."""
    splits: ClassVar[bool]
    """A message that is refused is told again notice by notice: only some may be at fault."""

    async def tell(self, batch: Batch, now: int) -> Verdict:
        """Tell it of a batch. Does not raise for what the receiver does."""


class Alertmanager:
    """One Alertmanager, by its API v2. Each of a cluster is told: they do not tell each other of alerts."""

    heeds_silences: ClassVar[bool] = False
    takes_turns: ClassVar[bool] = False
    splits: ClassVar[bool] = True

    def __init__(self, name: str, url: str, client: HttpClient) -> None:
        self.outbox: Outbox = AlertmanagerOutbox(name)
        self._target = Target(url, "/api/v2/alerts")
        self._client = client

    async def tell(self, batch: Batch, now: int) -> Verdict:
        """Post the batch; what is not valid in it is refused, and the rest of it was taken."""
        body = alertmanager_body(batch.notices, now)
        answer = await self._client.post(self.outbox.name, self._target, _json(body), {})
        if answer is not None and 200 <= answer < 300:
            return Verdict.SENT
        return Verdict.REFUSED if answer in _NOT_THESE_ALERTS else Verdict.FAILED


class Webhook:
    """A URL that takes what Alertmanager posts to webhooks; as there, an answer of 4xx is not asked for again."""

    heeds_silences: ClassVar[bool] = True
    takes_turns: ClassVar[bool] = True
    splits: ClassVar[bool] = False

    def __init__(self, name: str, url: str, grouping: Grouping, client: HttpClient, external_url: str) -> None:
        self.outbox: Outbox = GroupsOutbox(name, grouping)
        self._target = Target(url)
        self._client = client
        self._external_url = external_url

    async def tell(self, batch: Batch, now: int) -> Verdict:
        """Post the group."""
        del now
        headers = {"Idempotency-Key": idempotence_key(batch)}
        answer = await self._client.post(
            self.outbox.name, self._target, _json(webhook_body(batch, self._external_url)), headers
        )
        if answer is not None and 200 <= answer < 300:
            return Verdict.SENT
        gone = answer is not None and 400 <= answer < 500 and answer not in _TRY_LATER
        return Verdict.REFUSED if gone else Verdict.FAILED


class NatsAlerts:
    """Subjects that spell the place of each alert. Nothing tells whether anybody listens."""

    heeds_silences: ClassVar[bool] = True
    takes_turns: ClassVar[bool] = True
    splits: ClassVar[bool] = False

    def __init__(self, bus: Bus, subjects: Subjects, path: Path) -> None:
        self.outbox: Outbox = ChangesOutbox("nats")
        self._bus = bus
        self._subjects = subjects
        self._path = path or WHOLE

    async def tell(self, batch: Batch, now: int) -> Verdict:
        """Publish each notice."""
        del now
        for notice in batch.notices:
            body = nats_body(notice)
            if len(body) > min(MAX_PAYLOAD, (self._bus.max_payload or MAX_PAYLOAD + _HEADER) - _HEADER):
                LOGGER.warning("an alert of %d bytes is too long for NATS: %s", len(body), notice.fingerprint)
                return Verdict.REFUSED
            subject = self._subjects.alerts(notice.path or self._path)
            if not await self._bus.send(subject, body, message_id=notice.key):
                return Verdict.FAILED
        return Verdict.SENT


class LogLines:
    """The aggregator's own log."""

    heeds_silences: ClassVar[bool] = True
    takes_turns: ClassVar[bool] = True
    splits: ClassVar[bool] = False

    def __init__(self) -> None:
        self.outbox: Outbox = ChangesOutbox("log")

    async def tell(self, batch: Batch, now: int) -> Verdict:
        """Write a line for each notice."""
        del now
        for notice in batch.notices:
            LOGGER.log(logging.WARNING if notice.firing else logging.INFO, "alert %s", log_line(notice))
        return Verdict.SENT


def make_receivers(
    options: NotificationOptions, client: HttpClient, bus: Bus, subjects: Subjects, path: Path, external_url: str
) -> list[Receiver]:
    """Make the receivers that options name, and the log.

    Args:
        options: The options.
        client: Posts to those that have a URL.
        bus: Carries the alerts that go to NATS.
        subjects: Their subjects.
        path: The subtree that the aggregator reads.
        external_url: Where people find the aggregator; empty when nobody said.
    """
    name = _namer()
    grouping = Grouping(tokens=options.webhook_depth, repeat=int(options.webhook_repeat * 1000))
    receivers: list[Receiver] = [Alertmanager(name("alertmanager", url), url, client) for url in options.alertmanager]
    receivers += [Webhook(name("webhook", url), url, grouping, client, external_url) for url in options.webhook]
    if options.alerts_to_nats:
        receivers.append(NatsAlerts(bus, subjects, path))
    return [*receivers, LogLines()]


def _namer() -> Callable[[str, str], str]:
    """Return a function that names receivers by their server, each differently, and without secrets."""
    seen: Counter[str] = Counter()

    def name(kind: str, url: str) -> str:
        text = f"{kind}:{place(url)}"
        seen[text] += 1
        return text if seen[text] == 1 else f"{text}#{seen[text]}"

    return name


def _json(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
