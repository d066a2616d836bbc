"""A real server that lets somebody in for some things only: each command that connects says what was refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest

from fog_agent import Agent, NatsOptions
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator, shows
from tests.cli.bus import make_streams
from tests.cli.processes import run
from utilityfog_frontend.telemetry import TelemetryCollector

USERS = """
authorization { users: [
  { user: admin, password: right }
  { user: idle, password: right, permissions: { publish: ["nothing"], subscribe: ["_INBOX.>"] } }
  { user: reader, password: right, permissions: { publish: ["nothing"], subscribe: ["_INBOX.>", "fog.v1.metrics.>"] } }
  { user: asker, password: right, permissions: { publish: ["fog.v1.resync.>"], subscribe: ["_INBOX.>"] } }
  { user: deaf, password: right, permissions: { publish: ["fog.v1.metrics.>"], subscribe: ["_INBOX.>"] } }
] }
"""
CONNECTING = [
    ("streams", "apply"),
    ("forget", "fog/0"),
    ("decode", "--path", "fog/0"),
    ("demo", "--json", "--duration", "1"),
]


@pytest.fixture(scope="module")
def server() -> Iterator[NatsServer]:
    """Users with rights to everything, to nothing, to half of what an audit needs."""
    with NatsServer(config=USERS) as server:
        yield server


@pytest.mark.parametrize("command", CONNECTING, ids=lambda command: command[0])
def test_wrong_credentials(server: NatsServer, command: tuple[str, ...]) -> None:
    """The server answers, and that is said: who was refused, without the password, and what to check."""
    address = server.url.replace("nats://", "nats://admin:not-that-one@")
    done = run(*command, "--nats", address)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"fog {command[0]}: the NATS server at {server.url} refuses user admin: Authorization Violation: "
        "check the credentials\n"
    )


@pytest.mark.parametrize("command", CONNECTING, ids=lambda command: command[0])
def test_no_credentials(server: NatsServer, command: tuple[str, ...]) -> None:
    """Likewise."""
    done = run(*command, "--nats", server.url)
    assert done.returncode == 1
    assert done.stderr == (
        f"fog {command[0]}: the NATS server at {server.url} refuses a client without credentials: "
        "Authorization Violation: check the credentials\n"
    )


def test_several_servers(server: NatsServer) -> None:
    """One that refuses is told of, though another does not answer."""
    done = run("forget", "fog/0", "--nats", f"nats://127.0.0.1:1,{server.url}")
    assert done.stderr.startswith(f"fog forget: the NATS server at {server.url} refuses a client without credentials")


@pytest.mark.parametrize(
    ("command", "what", "subject"),
    [
        (("streams", "apply"), "publish", "$JS.API.STREAM.NAMES"),
        (("forget", "fog/Rack7"), "publish", "fog.v1.control.fog.Rack7"),
        (("decode", "--path", "fog/0"), "subscription", "fog.v1.metrics.fog.0"),
        (("decode", "--path", "fog/Rack7", "--rollups"), "subscription", "fog.v1.rollups.fog.Rack7"),
    ],
)
def test_what_a_user_may_not_do(server: NatsServer, command: tuple[str, ...], what: str, subject: str) -> None:
    """On one line, with the subject."""
    done = run(*command, "--nats", server.url, "--user", "idle", "--password", "right")
    assert (done.returncode, done.stdout) == (1, "")
    assert f'permissions violation for {what} to "{subject}"' in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_swarm_without_the_right_says_so(server: NatsServer) -> None:
    """At its first look, and in one line for all nodes: the server answers none of their frames."""
    arguments = ("--nodes", "3", "--interval", "0.5s", "--duration", "1m", "--no-check", "--json")
    done = run("swarm", *arguments, "--nats", server.url, "--user", "idle", "--password", "right")
    assert (done.returncode, done.stdout) == (1, "")
    assert "fog swarm: nothing is stored: permissions violation for" in done.stderr
    assert done.stderr.count("\n") == 1


async def test_a_swarm_that_hears_no_requests_says_so(server: NatsServer) -> None:
    """Its frames are stored, but no keyframe comes that is asked for."""
    await make_streams(server.url, user="admin", password="right")
    arguments = ("--nodes", "3", "--interval", "0.5s", "--duration", "1.5s", "--no-check", "--json", "--path", "fog/0")
    login = ("--nats", server.url, "--user", "deaf", "--password", "right")
    done = await asyncio.to_thread(run, "swarm", *arguments, *login)
    assert done.returncode == 0, done.stderr
    assert 'permissions violation for subscription to "fog.v1.resync.fog.0"' in json.loads(done.stdout)["refused"]


async def test_an_audit_that_may_not_look(server: NatsServer) -> None:
    """It is no verdict: neither equal nor not; with one right of the two it is told of the other."""
    await make_streams(server.url, user="admin", password="right")
    collector = TelemetryCollector()
    collector.register_counter("things_total", "Things").increment()
    admin = NatsOptions.parse(server.url, user="admin", password="right")
    login = ("--nats", server.url, "--password", "right")
    async with (
        Agent(collector, path="fog/Rack7", options=admin, interval=0.1),
        aggregator(*login, "--user", "admin") as view,
    ):
        await eventually(lambda: shows(view, "things_total 1"), deadline=30)
        for user, refused in (
            ("idle", 'permissions violation for subscription to "fog.v1.metrics.>" (and 1 more)'),
            ("asker", 'permissions violation for subscription to "fog.v1.metrics.>"'),
            ("reader", 'permissions violation for publish to "fog.v1.resync.fog.Rack7"'),
        ):
            done = await asyncio.to_thread(run, "audit", "--api", view.url, *login, "--user", user)
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr == f"fog audit: not audited: NATS refuses this user: {refused}\n"
        done = await asyncio.to_thread(run, "audit", "--api", view.url, *login, "--user", "admin")
        assert (done.returncode, done.stderr) == (0, "")
        done = await asyncio.to_thread(run, "audit", "--api", view.url, "--nats", server.url, "--user", "nobody")
        assert done.stderr.startswith(f"fog audit: the NATS server at {server.url} refuses user nobody: ")
