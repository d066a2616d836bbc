"""Each user tries each deed, on a real server with each of the shipped configurations."""

from __future__ import annotations

from pathlib import Path

import pytest

from fog_bus.nats.link import Link
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.transport import NatsTransport
from tests.bus.broker import connected
from tests.rights.deeds import DEEDS, USERS, Deed, table
from tests.rights.shipped import Shipped

DOCUMENT = Path(__file__).parents[2] / "docs" / "permissions.md"
NO_REQUEST = b"?"
"""Nothing that JetStream would do, so that no deed changes what the next one finds."""


async def tries(link: Link, deed: Deed) -> bool:
    """Return whether the server lets a user do it."""
    refused: list[str] = []
    link.connection.on_error.append(refused.append)
    client = link.connection.client
    assert client is not None
    if deed.hears:
        await (await client.subscribe(deed.subject)).unsubscribe()
    else:
        await client.publish(deed.subject, NO_REQUEST)
    await client.flush()  # what the server has against it comes before the answer to this
    link.connection.on_error.remove(refused.append)
    assert all(deed.subject.lower() in text for text in refused), refused
    return not refused


@pytest.mark.parametrize("who", USERS)
async def test_each_user_against_each_others_rights(shipped: Shipped, who: str) -> None:
    """The server lets each do what the table says, and refuses everything else."""
    async with connected(shipped.server.url, **shipped.logins[who]) as link:
        found = {deed.what: await tries(link, deed) for deed in DEEDS}
    assert found == {deed.what: who in deed.allowed for deed in DEEDS}


async def test_nobody_comes_in_without_a_login(shipped: Shipped) -> None:
    """Nor with a name that is none."""
    for login in ({}, {"user": "stranger", "password": "guessed"}):
        async with NatsTransport(NatsOptions.parse(shipped.server.url, **login)) as transport:
            assert not await transport.connected(0.5)
            assert "Authorization Violation" in transport.trouble


def test_the_document_has_this_table() -> None:
    """As it is tried."""
    assert table() in DOCUMENT.read_text()
