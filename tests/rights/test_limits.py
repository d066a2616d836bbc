"""The limits of the shipped configurations: what one user may take of a server."""

from __future__ import annotations

import pytest
from nats.aio.msg import Msg

from fog_bus.nats.api import JetStream, JetStreamError
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.transport import NatsTransport
from fog_bus.ports import Outcome, Refusal
from fog_bus.streams import METRICS
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.bus.broker import connected
from tests.rights.deeds import USERS
from tests.rights.shipped import Shipped, plain

LONGEST = 256 * 1024
OF_ROLES = {"operator": 64 * 1024, "admin": 64 * 1024}
SUBSCRIPTIONS = {"node": 24}
OTHERS_SUBSCRIPTIONS = 64
LEAF = """
leafnodes { remotes: [{ url: "nats-leaf://%s:%s@127.0.0.1:%s", account: SITE }] }
accounts { SITE { users: [{ user: site, password: site }] } }
"""


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


@pytest.mark.parametrize("who", ["node", "operator"])
async def test_subscriptions_are_counted(shipped: Shipped, who: str) -> None:
    """A connection may have so many; one more is refused, and ends the connection with the server's words."""
    said: list[str] = []
    async with connected(shipped.server.url, **shipped.logins[who]) as link:
        link.connection.on_error.append(said.append)
        client = link.connection.client
        assert client is not None
        prefix = shipped.logins[who]["inbox_prefix"]
        for number in range(SUBSCRIPTIONS.get(who, OTHERS_SUBSCRIPTIONS) - 1):  # and the one of its inbox
            await client.subscribe(f"{prefix}.more.{number}")
        await client.flush()
        assert not said
        await client.subscribe(f"{prefix}.more.one")
        await eventually(lambda: "maximum subscriptions exceeded" in " ".join(said).lower() or client.is_closed)


async def test_subjects_are_short(shipped: Shipped) -> None:
    """The longest path has 16 tokens; a subscription may have 24."""
    said: list[str] = []
    async with connected(shipped.server.url, **shipped.logins["operator"]) as link:
        link.connection.on_error.append(said.append)
        assert link.connection.client is not None
        longest = ".".join(["fog.v1.metrics.fog", *"x" * 20])
        await link.connection.client.subscribe(longest)
        await link.connection.client.flush()
        assert not said
        await link.connection.client.subscribe(f"{longest}.x")
        await eventually(lambda: "too many" in " ".join(said).lower())


async def test_a_reader_asks_for_so_many_messages_at_once(shipped: Shipped) -> None:
    """As many as an aggregator asks for."""
    async with connected(shipped.server.url, **shipped.logins["aggregator"]) as link:
        reader = {"name": "greedy", "ack_policy": "none", "mem_storage": True, "inactive_threshold": 10**10}
        await JetStream(link).call(f"CONSUMER.CREATE.{METRICS}.greedy", {"stream_name": METRICS, "config": reader})
        statuses: list[str] = []
        client = link.connection.client
        assert client is not None

        async def note(message: Msg) -> None:
            statuses.append((message.headers or {}).get("Description", ""))

        await client.subscribe("_INBOX_AGG.greedy", cb=note)
        ask = f"$JS.API.CONSUMER.MSG.NEXT.{METRICS}.greedy"
        await client.publish(ask, b'{"batch": 1001, "no_wait": true}', reply="_INBOX_AGG.greedy")
        await eventually(lambda: statuses == ["Exceeded MaxRequestBatch of 1000"])
        await client.publish(ask, b'{"batch": 1000, "no_wait": true}', reply="_INBOX_AGG.greedy")
        await eventually(lambda: statuses[1:] == ["No Messages"])


async def test_no_stream_is_without_bounds(shipped: Shipped) -> None:
    """Not the administrator's either."""
    async with connected(shipped.server.url, **shipped.logins["admin"]) as link:
        with pytest.raises(JetStreamError, match="requires a stream config to have max bytes set"):
            await JetStream(link).call("STREAM.CREATE.LARGE", {"name": "LARGE", "subjects": ["large"]})


async def test_nodes_leave_room_for_those_who_read_them() -> None:
    """The account of nodes may have fewer connections than the server: here one."""
    with plain("max_connections: 19000", "max_connections: 1") as shipped:
        async with connected(shipped.server.url, **shipped.logins["node"]):
            async with NatsTransport(NatsOptions.parse(shipped.server.url, **shipped.logins["node"])) as second:
                assert not await second.connected(0.5)
                assert "maximum account active connections exceeded" in second.trouble
            async with connected(shipped.server.url, **shipped.logins["aggregator"]) as link:
                assert link.connection.generation == 1


async def test_no_server_comes_as_a_leaf_of_a_node() -> None:
    """A user is a client: where leaves are listened to, none has a node's password."""
    port = free_port()
    with plain("lame_duck_duration", f'leafnodes {{ listen: "127.0.0.1:{port}" }}\nlame_duck_duration') as shipped:
        node = shipped.logins["node"]
        with NatsServer(config=LEAF % (node["user"], node["password"], port)):
            log = shipped.server.log_file
            await eventually(lambda: 'authentication error - User "fog-0-3"' in log.read_text())
            assert "Leafnode connection created for account: NODES" not in log.read_text()
