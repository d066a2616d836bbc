"""Where the answers to one connection come: one subscription, whoever shares the connection.

Each subscription is known to every server of a cluster, so that a connection has one for all of its answers.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from heapq import heappop, heappush
from typing import Final, TypeAlias

from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, ConnectionDrainingError, OutboundBufferLimitError

from fog_bus.nats.arrivals import Arrivals, DeliveryRun
from fog_bus.nats.client import Client
from fog_bus.ports import Outcome, Publish, Refusal

GONE: Final = (ConnectionClosedError, ConnectionDrainingError, OutboundBufferLimitError)
"""The connection ended, or ends."""
REFUSED_SUBJECT: Final = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"')
_NO_RESPONDERS: Final = "503"
_ALONE: Final = "no stream takes this subject, or JetStream is off"
_LEADERLESS: Final = (
    "the stream of this subject has no leader in the cluster {} at the moment, or no stream takes it; an election "
    "takes some 10 s, and needs most of the stream's servers"
)
_CUT_OFF: Final = (
    "no stream in reach takes this subject: one of another JetStream domain than {} is out of reach while the link to "
    "it is down, or JetStream is off"
)


def _why_nobody(client: Client) -> str:
    """Return what it means that nobody answers: a server says the same thing of each."""
    if client.cluster:
        return _LEADERLESS.format(client.cluster)
    return _CUT_OFF.format(client.domain) if client.domain else _ALONE


Settle: TypeAlias = Callable[[bytes | Publish], None]
"""Called once with an answer, or with what stood in the way. Must not raise."""


class Inbox:
    """Send messages and wait for their answers. Belongs to the connection's loop.

    Args:
        prefix: Subjects below it are this user's to hear.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._subject = ""
        self._deaf = self._nobody = ""
        self._tokens = itertools.count()
        self._waiting: dict[str, tuple[str, Settle]] = {}
        self._posted: list[tuple[float, str]] = []  # a heap of deadlines, of what has its answer too
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, client: Client) -> None:
        """Open a new place for answers, which nobody can guess, with each new connection."""
        self._deaf, self._nobody = "", _why_nobody(client)
        self._subject = f"{self._prefix}.{secrets.token_hex(12)}"
        subscription = await client.subscribe(f"{self._subject}.*", cb=self._on_message)
        arrivals = Arrivals(b"", lambda: self._take(arrivals))
        client.deliver(subscription, arrivals)

    def hang_up(self) -> None:
        """Settle all that waits: the connection has ended."""
        self._subject = ""
        for token in list(self._waiting):
            self._settle(token, Publish(Outcome.DISCONNECTED))

    def post(self, client: Client, subject: str, payload: bytes, deadline: float, settle: Settle) -> bool:
        """Send one message as `exchange` does, and call back; False, and nothing was sent, where that cannot be done.

        The caller awaits `exchange` then: it has the general rules.
        """
        if not self._subject or self._deaf or len(payload) > client.max_payload:
            return False
        token = str(next(self._tokens))
        if not client.post(subject, f"{self._subject}.{token}", payload):
            return False
        self._waiting[token] = (subject, settle)
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        heappush(self._posted, (until, token))
        if self._timer is None or until < self._timer.when():
            self._look_at(until, loop)
        return True

    async def exchange(
        self, client: Client, subject: str, payload: bytes, deadline: float, headers: dict[str, str] | None = None
    ) -> bytes | Publish:
        """Send one message and return its answer, or what stood in the way."""
        if self._deaf:
            return Publish(Outcome.REFUSED, Refusal.PERMISSION, self._deaf)
        if len(payload) > client.max_payload:
            text = f"{len(payload)} bytes, and the server takes {client.max_payload}"
            return Publish(Outcome.REFUSED, Refusal.TOO_LARGE, text)
        token = str(next(self._tokens))
        answer: asyncio.Future[bytes | Publish] = asyncio.get_running_loop().create_future()
        self._waiting[token] = (subject, partial(_set, answer))
        try:
            async with asyncio.timeout(deadline):
                if not self._subject:  # the connection was there before the first that waits for an answer
                    await self.open(client)
                await client.publish(subject, payload, reply=f"{self._subject}.{token}", headers=headers)
                return await answer
        except TimeoutError:
            return Publish(Outcome.TIMEOUT)
        except GONE:
            return Publish(Outcome.DISCONNECTED)
        finally:
            self._waiting.pop(token, None)

    def _look_at(self, moment: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(moment, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Settle what has waited for too long. One timer does for all: most have had their answers by then."""
        self._timer, posted, now = None, self._posted, loop.time()
        while posted and (posted[0][0] <= now or posted[0][1] not in self._waiting):
            self._settle(heappop(posted)[1], Publish(Outcome.TIMEOUT))
        if posted:
            self._look_at(posted[0][0], loop)

    def refused(self, text: str) -> None:
        """Settle exchanges of a refused subject; nats-py gives it in lower case and only to the whole connection."""
        found = REFUSED_SUBJECT.search(text)
        if found is None:
            return
        what, refused = found.groups()
        if what == "subscription" and self._subject and refused.startswith(self._subject.lower()):
            self._deaf = (
                f"answers may not come to {self._subject}.*: set the inbox prefix that this user may subscribe to"
            )
        for token, (subject, _) in list(self._waiting.items()):
            if self._deaf or (what == "publish" and subject.lower() == refused):
                refusal = self._deaf or f'permissions violation for publish to "{subject}"'
                self._settle(token, Publish(Outcome.REFUSED, Refusal.PERMISSION, refusal))

    def _take(self, arrivals: Arrivals) -> None:
        """Settle at once what has arrived, without nats-py's queue and task."""
        messages, arrivals.messages = arrivals.messages, []
        for one in messages:
            if not isinstance(one, DeliveryRun):  # which are a consumer's
                subject, _, data, headers = one
                self._answered(subject, data, headers)

    async def _on_message(self, message: Msg) -> None:
        """Take an answer that came another way, as those of before the subscription's number was known."""
        self._answered(message.subject, message.data, message.headers)

    def _answered(self, subject: str, data: bytes, headers: Mapping[str, str] | None) -> None:
        answer: bytes | Publish = data
        if headers is not None and headers.get("Status") == _NO_RESPONDERS:
            answer = Publish(Outcome.REFUSED, Refusal.NO_STREAM, self._nobody)
        self._settle(subject.rpartition(".")[2], answer)

    def _settle(self, token: str, answer: bytes | Publish) -> None:
        waiting = self._waiting.pop(token, None)
        if waiting is not None:
            waiting[1](answer)


def _set(future: asyncio.Future[bytes | Publish], answer: bytes | Publish) -> None:
    if not future.done():
        future.set_result(answer)
