"""A new member of a pair takes the other's checkpoint: two whole aggregators before a real server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from typing import Any, ClassVar

import nats
import pytest
from aiohttp import web

from fog_agent import Agent
from fog_aggregator.components.bootstrap import finding
from fog_aggregator.components.bootstrap.bootstrap import Bootstrap
from fog_aggregator.components.bootstrap.finding import PairSearch, Search
from fog_aggregator.components.bootstrap.options import BootstrapOptions
from fog_aggregator.components.http.access.credentials import Credential, line_of, new_token
from fog_aggregator.core.checkpoint import read_image
from fog_aggregator.core.columns import whole_values
from fog_aggregator.service import Aggregator
from fog_schema.codec import decode, decode_definitions
from fog_schema.frames import DELTA, FINAL, KEYFRAME, Frame
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running, serving, total
from utilityfog_frontend.telemetry import TelemetryCollector

OF_PAIR: dict[str, Any] = {
    "path": ("fog", "0"),
    "publish_rollup": True,
    "rollup_interval": 0.1,
    "checkpoint_interval": 0.1,
    "checkpoint_share": 1.0,
}


def url(aggregator: Aggregator) -> str:
    """Return where an aggregator listens."""
    host, port = aggregator.web.address
    return f"http://{host}:{port}"


async def count_three(server: NatsServer) -> None:
    """Let a node count 3, and end in good order."""
    collector = TelemetryCollector()
    collector.register_counter("orders_total", "Orders").increment(3)
    async with Agent(collector, path="fog/0/1", servers=server.url, interval=0.1) as agent:
        assert await agent.flush()


@asynccontextmanager
async def hearing_keyframes(server: NatsServer) -> AsyncIterator[list[tuple[str, int]]]:
    """Note the incarnation and the count of each rollup's first keyframe from now on."""
    heard: list[tuple[str, int]] = []

    async def note(message: Any) -> None:
        frame = decode(message.data)
        if frame.kind == KEYFRAME and frame.seq == 1 and frame.info and frame.counters is not None:
            (orders,) = [
                one.ids.tolist()[0] for one in decode_definitions(frame.definitions) if one.name == "orders_total"
            ]
            counts = dict(
                zip(frame.counters.ids.tolist(), whole_values(frame.counters.values)[0].tolist(), strict=True)
            )
            heard.append((frame.info["incarnation"], counts[orders]))

    client = await nats.connect(server.url)
    await client.subscribe("fog.v1.rollups.fog.0", cb=note)
    await client.flush()
    try:
        yield heard
    finally:
        await client.close()


def saved_incarnation(directory: FilePath) -> str:
    """Return the incarnation that the newest checkpoint has."""
    newest = max(directory.glob("checkpoint-*.fog"))
    return f"{read_image(newest.read_bytes()).plain['parts']['origin']['incarnation']:016x}"


def has_saved(aggregator: Aggregator, directory: FilePath) -> bool:
    """Tell whether the newest checkpoint has all that the streams have."""
    newest = sorted(directory.glob("checkpoint-*.fog"))[-1:]
    saved = read_image(newest[0].read_bytes()).plain["streams"] if newest else {}
    return all(saved.get(one.name, (0, 0))[1] >= one.last_sequence for one in aggregator.status.streams())


async def purge(server: NatsServer, aggregator: Aggregator) -> None:
    """Let the streams lose all that they hold."""
    client = await nats.connect(server.url)
    for one in aggregator.status.streams():
        await client.jetstream().purge_stream(one.name)
    await client.close()


async def test_a_new_member_agrees_from_the_start(fog_nats: NatsServer, tmp_path: FilePath) -> None:
    """Counts that have left the stream are in its totals, and both send up the same, of one incarnation."""
    one_dir, other_dir = tmp_path / "one", tmp_path / "other"
    async with serving(config(fog_nats, state_dir=one_dir, **OF_PAIR)) as one:
        await count_three(fog_nats)
        await eventually(lambda: total(one, "orders_total") == 3)
        await eventually(lambda: has_saved(one, one_dir))
        await purge(fog_nats, one)
        settings = config(fog_nats, state_dir=other_dir, bootstrap=url(one), **OF_PAIR)
        async with hearing_keyframes(fog_nats) as sent, serving(settings) as other:
            assert total(other, "orders_total") == 3
            await eventually(lambda: sent)
            assert sent == [(saved_incarnation(one_dir), 3)]
        nobody = "http://127.0.0.1:9"
        async with serving(config(fog_nats, state_dir=other_dir, bootstrap=nobody, **OF_PAIR)) as again:
            assert total(again, "orders_total") == 3  # from its own checkpoint: nobody is asked


@asynccontextmanager
async def answering(status: int, body: bytes) -> AsyncIterator[str]:
    """Serve one answer to everything."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    app = web.Application()
    app.router.add_get("/api/checkpoint", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://name:secret@{host}:{port}"
    finally:
        await runner.cleanup()


class Empty:
    """An engine that has read nothing."""

    positions: ClassVar[dict[str, Any]] = {}


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"there is no checkpoint", "it says 404: there is no checkpoint"),
        (401, b"a token is needed", "it says 401: a token is needed"),
        (302, b"", "it says 302"),
        (200, b"no checkpoint at all", "it does not begin as a checkpoint must"),
        (200, b"x" * 2000, "it is larger than the 1000 bytes"),
    ],
)
async def test_an_answer_that_is_none(status: int, body: bytes, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """It begins without; the log says why, and no secret."""
    engine: Any = Empty()
    async with answering(status, body) as address:
        with caplog.at_level(logging.WARNING):
            await Bootstrap(BootstrapOptions(bootstrap=address), engine, engine, 1000).start()
    assert why in caplog.text
    assert "beginning without" in caplog.text
    assert "secret" not in caplog.text


async def test_one_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    """As well."""
    engine: Any = Empty()
    await asyncio.wait_for(
        Bootstrap(BootstrapOptions(bootstrap="http://n:s3cret@127.0.0.1:9"), engine, engine, 9).start(), 20
    )
    assert "does not answer" in caplog.text
    assert "s3cret" not in caplog.text


def listening() -> dict[str, Any]:
    """Return settings of one that tells where it listens."""
    port = free_port()
    return OF_PAIR | {"listen": ("127.0.0.1", port), "http_advertise": f"http://127.0.0.1:{port}"}


@asynccontextmanager
async def one_that_knows_more(server: NatsServer, directory: FilePath, **settings: Any) -> AsyncIterator[Aggregator]:
    """Run one of a pair that counted 3, while the streams have nothing of it any more."""
    async with serving(config(server, state_dir=directory, **(listening() | settings))) as one:
        await count_three(server)
        await eventually(lambda: total(one, "orders_total") == 3)
        await eventually(lambda: has_saved(one, directory))
        await purge(server, one)
        yield one


async def test_it_finds_the_other_one(fog_nats: NatsServer, tmp_path: FilePath) -> None:
    """Told no address, it hears the other one's totals, and begins with its checkpoint, by the token for there."""
    logins, tokens = tmp_path / "logins", tmp_path / "tokens"
    secret, held = new_token()
    logins.write_text(f"{line_of(Credential('pair', (), held))}\n")
    async with one_that_knows_more(fog_nats, tmp_path / "one", http_token_file=str(logins)) as one:
        tokens.write_text(f"{url(one)} {secret}\n")
        settings = config(fog_nats, bootstrap_allow=(url(one),), bootstrap_token_file=str(tokens), **OF_PAIR)
        async with hearing_keyframes(fog_nats) as sent, serving(settings) as other:
            assert total(other, "orders_total") == 3
            await eventually(lambda: (saved_incarnation(tmp_path / "one"), 3) in sent)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("http://localhost:9", "it is asked at 'http://localhost:9', which --bootstrap.allow does not have"),
        ("", "it tells no address"),
    ],
    ids=["not on the list", "no address"],
)
async def test_whom_it_does_not_ask(
    told: str, why: str, fog_nats: NatsServer, tmp_path: FilePath, caplog: pytest.LogCaptureFixture
) -> None:
    """An address that is not allowed, or that nobody told: it says so, and begins without."""
    settings = config(fog_nats, bootstrap_allow=("http://127.0.0.1:9",), **OF_PAIR)
    async with (
        one_that_knows_more(fog_nats, tmp_path / "one", http_advertise=told),
        serving(settings) as other,
    ):
        assert total(other, "orders_total") == 0
    assert f"no checkpoint of another aggregator of fog/0: {why}" in caplog.text


async def test_nobody_is_there(
    fog_nats: NatsServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits no longer than for some rollups, says so in one line, and begins without."""
    monkeypatch.setattr(finding, "LEAST_SECONDS", 0.2)
    async with serving(config(fog_nats, bootstrap_allow=("http://127.0.0.1:9",), **OF_PAIR)):
        said = [one.getMessage() for one in caplog.records if "checkpoint" in one.getMessage()]
    silent = "nobody was heard on fog.v1.rollups.fog.0 within 0.3 s; beginning without"
    assert said == [f"no checkpoint of another aggregator of fog/0: {silent}"]


async def test_a_search_does_not_delay_the_end(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An aggregator that looks for the other one stops when it is asked to, however long it would have looked."""
    monkeypatch.setattr(finding, "LEAST_SECONDS", 3600.0)
    monkeypatch.setattr(finding, "MOST_SECONDS", 3600.0)
    looking = asyncio.Event()

    async def listen(search: PairSearch, *_: object) -> None:
        looking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(PairSearch, "_listen", listen)
    async with running(config(fog_nats, bootstrap_allow=("http://127.0.0.1:9",), **OF_PAIR)) as (one, task):
        await asyncio.wait_for(looking.wait(), 60)
        assert not one.status.ready()[0]
    assert task.done()


def test_what_a_search_makes_of_rollups() -> None:
    """Each writer that is heard is asked; the first allowed address ends it, and one that says goodbye tells none."""
    search = Search(("http://one:1",))
    told = {"http": "http://one:1"}
    assert [search.hear(Frame(DELTA, epoch, 9)) for epoch in (7, 8, 7)] == [7, 8, 7]
    assert search.hear(Frame(KEYFRAME, 7, 10, FINAL, info=told)) == 0
    assert search.hear(Frame(KEYFRAME, 8, 10, info={})) == 0
    assert (search.found, search.settled) == (None, False)
    assert search.hear(Frame(KEYFRAME, 7, 11, info=told)) == 0
    assert search.found == ("http://one:1", "http://one:1")
    assert search.settled


def test_a_pair_without_rollups_is_refused(fog_nats: NatsServer) -> None:
    """Nobody could be found."""
    with pytest.raises(ValueError, match="needs --publish-rollup"):
        config(fog_nats, path=("fog", "0"), bootstrap_allow=("http://127.0.0.1:9",))
