"""A server's name: it is resolved without anybody's executor, and each of its addresses has its own time."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import fog_bus.nats.connection
import fog_bus.nats.resolver
from fog_bus.nats.connection import Connection, NatsOptions
from fog_bus.nats.resolver import Resolver
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.plain_listener import PlainListener

NAME = "nats.example"
DEAD, LIVE = "127.0.0.2", "127.0.0.1"
PATIENCE = 6.0


class Unshuffled(random.Random):
    """Takes everything in the order in which it was given."""

    def shuffle(self, _: MutableSequence[Any]) -> None:
        """Leave the order."""

    def sample(self, population: Any, k: int, **_: Any) -> list[Any]:
        """Return the first ones."""
        return list(population[:k])


Names = Callable[..., list[str]]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Provide a way to say which addresses the name has; the list that it returns may be changed."""

    def be(*addresses: str) -> list[str]:
        answers = list(addresses)
        ask = socket.getaddrinfo

        def getaddrinfo(host: str | bytes, port: int, *arguments: int, **options: int) -> list[Any]:
            if host != NAME.encode():
                return ask(host, port, *arguments, **options)
            if not answers:
                raise socket.gaierror(socket.EAI_AGAIN, "no resolver answers")
            return [found for address in answers for found in ask(address, port, *arguments, **options)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        return answers

    return be


@contextmanager
def swallowing(port: int) -> Iterator[None]:
    """Provide a listener whose queue is full: what is sent to it is dropped, as by a firewall."""
    with socket.create_server((DEAD, port), backlog=0), socket.socket() as first, socket.socket() as second:
        for filling in (first, second):
            filling.settimeout(0)
            filling.connect_ex((DEAD, port))
        yield


@contextmanager
def silent(port: int) -> Iterator[None]:
    """Provide a listener that takes connections, and never says a word."""
    with socket.create_server((DEAD, port)):
        yield


@pytest.mark.parametrize("dead", [swallowing, silent])
async def test_an_address_that_does_not_answer_has_its_own_time(
    dead: Callable[[int], Any], names: Names, fog_nats: NatsServer
) -> None:
    """It is the first of two, and there is a connection to the second in the same round."""
    names(DEAD, LIVE)
    with dead(fog_nats.port):
        connection = Connection(NatsOptions.parse(f"nats://{NAME}:{fog_nats.port}"), rng=Unshuffled(), longest_pause=60)
        async with connection:
            assert await connection.connected(PATIENCE)
    assert connection.errors == {"timeout": 1}


async def test_a_server_in_vain_does_not_cost_the_next_one_its_connection(fog_nats: NatsServer) -> None:
    """The end of the first one's client is not taken for the end of the second one's."""
    options = NatsOptions(servers=("nats://127.0.0.1:1", fog_nats.url))
    async with Connection(options, rng=Unshuffled(), longest_pause=60) as connection:
        assert await connection.connected(10)
        client = connection.client
        assert client is not None
        await client.flush()
        assert connection.client is client
    assert connection.errors == {"unreachable": 1}


async def test_a_slow_server_has_more_time_in_each_round(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its addresses were too slow, as after a loss of the whole cluster: they are not given up for it."""
    monkeypatch.setattr("fog_bus.nats.dialer.FIRST_PATIENCE", 0.05)
    names(DEAD, LIVE)

    time, patience = asyncio.get_running_loop().time, list[float]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = time()
        if len(patience) < 2:
            await reader.read()  # the first round: it says nothing until it is given up
            patience.append(time() - began)
            writer.close()
            return
        await eventually(lambda: time() - began > 2 * max(patience))
        await PlainListener().answer(reader, writer)

    server = await asyncio.start_server(answer, [DEAD, LIVE], (port := free_port("")))
    async with server, Connection(NatsOptions.parse(f"{NAME}:{port}"), longest_pause=0.05) as connection:
        assert await connection.connected(20)


async def test_the_order_of_addresses_is_drawn(names: Names) -> None:
    """So that a fleet does not go to the first one as a whole."""
    names(DEAD, LIVE)
    reached = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.add(writer.get_extra_info("sockname")[0])
        await PlainListener().answer(reader, writer)

    async with await asyncio.start_server(answer, [DEAD, LIVE], (port := free_port(""))):
        for seed in range(20):
            async with Connection(NatsOptions.parse(f"{NAME}:{port}"), rng=random.Random(seed)) as connection:
                assert await connection.connected(20)
    assert reached == {DEAD, LIVE}


@contextmanager
def cluster(directory: Path) -> Iterator[Sequence[NatsServer]]:
    """Provide two servers that tell of each other by address, with a certificate for the name alone."""
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(key), "-out", str(cert)]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run(command, check=True, capture_output=True)
    ports = free_port(), free_port()
    configs = [
        f'tls {{ cert_file: "{cert}", key_file: "{key}" }}\n'
        f"cluster {{ name: c, listen: 127.0.0.1:{own}, routes: [nats://127.0.0.1:{other}] }}"
        for own, other in (ports, ports[::-1])
    ]
    servers = [NatsServer(config=config, jetstream=False) for config in configs]
    with servers[0], servers[1]:
        yield servers


async def test_a_server_that_the_cluster_named_by_address_keeps_the_name(
    names: Names, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that was given is gone; the other has a certificate for the name, which no address is in."""
    names(LIVE)
    with cluster(tmp_path) as (one, other):
        options = NatsOptions(servers=(f"tls://{NAME}:{one.port}",), tls_ca=str(tmp_path / "cert.pem"))
        async with Connection(options, longest_pause=0.1) as connection:
            assert await connection.connected(20)

            def is_told() -> bool:
                client = connection.client
                return client is not None and any(uri.port == other.port for uri in client.servers)

            await eventually(is_told)
            generation = connection.generation
            one.kill()
            await eventually(lambda: connection.generation > generation and connection.client is not None)
            one_more = connection.generation
            assert connection.client is not None
            assert connection.client.connected_url is not None
            assert connection.client.connected_url.port == other.port
            other.restart()  # what one address has told of others is kept with the name, too
            await eventually(lambda: connection.generation > one_more)
    assert "certificate" not in caplog.text


async def test_a_slow_resolver_is_waited_for_in_the_next_attempt(
    monkeypatch: pytest.MonkeyPatch, fog_nats: NatsServer
) -> None:
    """As when the first of two name servers is dead: its answer comes later than any attempt waits, and is used."""
    monkeypatch.setattr(fog_bus.nats.resolver, "RESOLVE_TIMEOUT", 0.05)
    answers, asked, ask = threading.Event(), [], socket.getaddrinfo

    def getaddrinfo(host: str | bytes, port: int, *arguments: int, **options: int) -> list[Any]:
        if host != NAME.encode():
            return ask(host, port, *arguments, **options)
        asked.append(host)
        answers.wait(30)
        return ask(LIVE, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    async with Connection(NatsOptions.parse(f"{NAME}:{fog_nats.port}"), longest_pause=0.05) as connection:
        await eventually(lambda: connection.errors["timeout"] >= 3)
        answers.set()
        assert await connection.connected(20)
    assert len(asked) == 1


async def test_addresses_of_before_are_used_when_no_resolver_answers(names: Names, fog_nats: NatsServer) -> None:
    """The name servers are often down for the same reason as the connection."""
    answers = names(LIVE)
    async with Connection(NatsOptions.parse(f"{NAME}:{fog_nats.port}"), longest_pause=0.05) as connection:
        assert await connection.connected(20)
        answers.clear()
        fog_nats.restart()
        await eventually(lambda: connection.generation == 2)


async def test_a_name_that_nobody_knows_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """Once, and with the name; one that no resolver could be asked for, too."""
    for name in ("no-such-host.invalid", "a" * 70):
        async with Connection(NatsOptions.parse(f"{name}:4222"), longest_pause=0.01) as connection:
            await eventually(lambda: connection.errors["unreachable"] >= 2)
        assert caplog.text.count(f"cannot connect to NATS at nats://{name}:4222") == 1


async def test_names_are_resolved_where_no_thread_can_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since Python 3.12 none does while the interpreter shuts down, which is when the last counts are sent."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert LIVE in map(str, await Resolver().addresses("localhost", 4222))


async def test_a_pause_ends_for_somebody_in_a_hurry(monkeypatch: pytest.MonkeyPatch, fog_nats: NatsServer) -> None:
    """After many attempts in vain the pauses are long; a program that is about to end cannot wait for one."""
    pauses = iter([0.01])
    monkeypatch.setattr(fog_bus.nats.connection, "backoff", lambda attempt, **_: next(pauses, 600 if attempt else 0.01))
    fog_nats.kill()
    async with Connection(NatsOptions.parse(fog_nats.url)) as connection:
        await eventually(lambda: connection.errors["unreachable"] >= 2)
        fog_nats.start()
        assert await connection.connected(20)


async def test_an_address_asks_nobody_and_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child would wait for ever for what a thread of its parent's was loading; names are bytes for that."""
    asked: list[object] = []

    def getaddrinfo(host: object, *_: int, **__: int) -> list[Any]:
        asked.append(host)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert await Resolver().addresses("127.0.0.1", 4222) == [(socket.AF_INET, ("127.0.0.1", 4222))]
    assert await Resolver().addresses("::1", 4222) == [(socket.AF_INET6, ("::1", 4222, 0, 0))]
    assert asked == []
    for name in ("localhost", "bücher.example", "fe80::1%lo"):
        await Resolver().addresses(name, 4222)
    assert asked == [b"localhost", "bücher.example", b"fe80::1%lo"]
