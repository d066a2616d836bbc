"""TLS that is asked for is had, or nothing is said: above all no user and no password in clear."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from fog_agent import Agent
from fog_bus.nats.connection import Connection, NatsOptions, NatsOptionsError
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.certificates import Certificate, self_signed
from tests.cli.processes import ENVIRON
from tests.plain_listener import PlainListener, plain_listener
from utilityfog_frontend.telemetry import TelemetryCollector


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Provide a new one, as openssl makes it."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def asked_for(way: str, port: int, certificate: Certificate) -> NatsOptions:
    """Options that ask for TLS in one of the ways to do so."""
    plain, tls = f"nats://127.0.0.1:{port}", f"tls://127.0.0.1:{port}"
    ways: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
        "scheme": ((tls,), {}),
        "scheme of another server": ((plain, "tls://127.0.0.1:1"), {}),
        "ca": ((plain,), {"tls_ca": certificate.cert}),
        "certificate": ((plain,), {"tls_cert": certificate.cert, "tls_key": certificate.key}),
    }
    servers, files = ways[way]
    return NatsOptions(servers=servers, user="me", password="secret", **files)


@pytest.mark.parametrize("way", ["scheme", "scheme of another server", "ca", "certificate"])
async def test_a_server_without_tls_is_told_nothing(
    way: str, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    """Tried again and again, it has not one byte of CONNECT; why is said in one line, without the password."""
    async with plain_listener() as listener:
        connection = Connection(asked_for(way, listener.port, certificate), longest_pause=0.1)
        async with connection:
            await eventually(lambda: listener.ended >= 3 or listener.heard)
            assert not await connection.connected(0)
        assert bytes(listener.heard) == b""
    assert connection.errors["tls"] >= 3
    assert caplog.text.count("TLS was asked for, and this server offers none") == 1
    assert "secret" not in caplog.text


async def test_the_agent_tells_a_server_without_tls_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Given the address alone; stopping says that nothing arrived."""
    collector = TelemetryCollector()
    collector.register_counter("work_total", "Work").increment()
    async with plain_listener() as listener:
        server = f"tls://me:secret@127.0.0.1:{listener.port}"
        agent = Agent(collector, path="fog/0", servers=server, interval=0.1, deadline=0.2)
        with caplog.at_level(logging.WARNING):
            await agent.start()
            await eventually(lambda: listener.ended >= 2 or listener.heard)
            assert not await agent.stop()
        assert bytes(listener.heard) == b""
    assert caplog.text.count("TLS was asked for, and this server offers none") == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("config", ["", "allow_non_tls: true"])
async def test_a_server_with_tls_is_spoken_to_through_it(config: str, certificate: Certificate) -> None:
    """Also one that takes plain connections as well: what was asked for decides."""
    tls = f'tls {{ cert_file: "{certificate.cert}", key_file: "{certificate.key}" }}'
    with NatsServer(config=f"{tls}\n{config}") as server:
        async with Connection(NatsOptions(servers=(server.url,), tls_ca=certificate.cert)) as connection:
            assert await connection.connected(10)
            client = connection.client
            assert client is not None
            assert client._transport._io_writer.get_extra_info("cipher") is not None  # type: ignore[union-attr] # noqa: SLF001


async def test_a_server_may_wait_for_the_handshake(certificate: Certificate) -> None:
    """Its first word comes after it; who waits for that word never gets there."""
    tls = f'tls {{ cert_file: "{certificate.cert}", key_file: "{certificate.key}", handshake_first: true }}'
    with NatsServer(config=tls) as server:
        first = NatsOptions(servers=(server.url,), tls_ca=certificate.cert, tls_first=True)
        async with Connection(first) as connection:
            assert await connection.connected(10)


def test_tls_over_a_plain_websocket_is_refused(certificate: Certificate) -> None:
    """Close at once: there is no connection."""
    with pytest.raises(NatsOptionsError, match="wss://"):
        NatsOptions(servers=("ws://a:80",), tls_ca=certificate.cert)
    with pytest.raises(NatsOptionsError, match="wss://"):
        NatsOptions(servers=("ws://a:80", "tls://b:4222"))


async def fog(listener: PlainListener, *arguments: str) -> asyncio.subprocess.Process:
    """Return a `fog` command that is told to speak to the listener through TLS."""
    server = f"tls://me:secret@127.0.0.1:{listener.port}"
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fog_cli",
        *arguments,
        "--nats",
        server,
        env=ENVIRON,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize(
    "command",
    [
        ["streams", "apply"],
        ["forget", "fog/0"],
        ["decode", "--path", "fog/0"],
        ["demo", "--depth", "1", "--branching", "1"],
    ],
    ids=lambda command: command[0],
)
async def test_a_command_fails_with_what_is_wrong(command: list[str]) -> None:
    """One line, exit code 1, and the server was told nothing."""
    async with plain_listener() as listener:
        process = await fog(listener, *command)
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
        assert bytes(listener.heard) == b""
        assert listener.ended
    said = stderr.decode()
    assert process.returncode == 1, said
    assert said.startswith(f"fog {command[0]}: cannot connect to NATS at tls://127.0.0.1:{listener.port}: TLS was")
    assert said.count("\n") == 1
    assert "secret" not in said


@pytest.mark.parametrize("command", ["agent", "aggregator"])
async def test_a_service_says_once_what_is_wrong_and_goes_on(command: str, tmp_path: Path) -> None:
    """It tries again, as the server may be mended; its log has one line of it."""
    more = {"agent": ["--path", "fog/0", "--deadline", "0.1s"]}
    more["aggregator"] = ["--listen", "127.0.0.1:0", "--state-dir", str(tmp_path)]
    async with plain_listener() as listener:
        process = await fog(listener, command, *more[command])
        await eventually(lambda: listener.ended >= 3 or listener.heard, deadline=30)
        process.terminate()
        _, stderr = await asyncio.wait_for(process.communicate(), 30)
        assert bytes(listener.heard) == b""
    said = stderr.decode()
    assert said.count("TLS was asked for, and this server offers none") == 1
    assert "secret" not in said
