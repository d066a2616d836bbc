"""The limits of the shipped configurations: what one user may take of a server."""

from __future__ import annotations

import pytest

from fog_bus.ports import Outcome, Refusal
from fog_testing.waiting import eventually
from tests.bus.broker import connected
from tests.rights.deeds import USERS
from tests.rights.shipped import Shipped

LONGEST = 256 * 1024
OF_ROLES = {"operator": 64 * 1024, "admin": 64 * 1024}
SUBSCRIPTIONS = 64


@pytest.mark.parametrize("who", USERS)
async def test_the_longest_message(shipped: Shipped, who: str) -> None:
    """The server tells each user once it has logged in; credentials have the limit of their role."""
    has_roles = "creds" in shipped.logins[who]
    async with connected(shipped.server.url, **shipped.logins[who]) as link:
        longest = OF_ROLES.get(who, LONGEST) if has_roles else LONGEST
        await eventually(lambda: link.max_payload == longest)
        if who == "operator":
            answer = await link.publish("fog.v1.control.fog", b"?" * (longest + 1), 10)
            assert answer.refusal is Refusal.TOO_LARGE
            assert link.connection.generation == 1


async def test_what_is_longer_is_not_taken(shipped: Shipped) -> None:
    """A frame of just that length is acknowledged, one byte more is refused, and the connection goes on."""
    async with connected(shipped.server.url, **shipped.logins["node"]) as link:
        for size, outcome in ((LONGEST, Outcome.ACKED), (LONGEST + 1, Outcome.REFUSED), (LONGEST, Outcome.ACKED)):
            answer = await link.publish("fog.v1.metrics.fog.0.3", b"?" * size, 10)
            assert answer.outcome is outcome
        assert link.connection.generation == 1
        assert (await link.publish("fog.v1.metrics.fog.0.3", b"?" * (LONGEST + 1), 10)).refusal is Refusal.TOO_LARGE


async def test_subscriptions_are_counted(shipped: Shipped) -> None:
    """A connection may have 64; one more is refused, and ends the connection with the server's words."""
    said: list[str] = []
    async with connected(shipped.server.url, **shipped.logins["node"]) as link:
        link.connection.on_error.append(said.append)
        client = link.connection.client
        assert client is not None
        for number in range(SUBSCRIPTIONS - 1):  # and the one of its inbox
            await client.subscribe(f"_INBOX_AGENT.fog.0.3.more.{number}")
        await client.flush()
        assert not said
        await client.subscribe("_INBOX_AGENT.fog.0.3.more.one")
        await eventually(lambda: "maximum subscriptions exceeded" in " ".join(said).lower() or client.is_closed)
