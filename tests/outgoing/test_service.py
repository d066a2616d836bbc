"""From a node's counter to a receiver: a whole aggregator over a real nats-server, and receivers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from fog_agent import Agent
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, serving
from tests.outgoing.receiving import STALE, Native, NativeEnd, Receiver, receiving
from utilityfog_frontend.telemetry import Exponential, TelemetryCollector

STEP: Final = 0.2
NAME: Final = "fog_aggregator_outgoing_samples_total"
LAG: Final = "fog_aggregator_outgoing_lag_seconds"


def write(folder: Path, taking: Receiver, **keys: object) -> str:
    """Write a file of one receiver; return its name."""
    lines = [
        "[[receiver]]",
        'name = "r"',
        f'url = "{taking.url}"',
        *(f"{key} = {value}" for key, value in keys.items()),
    ]
    file = folder / "receivers.toml"
    file.write_text("\n".join(lines))
    return str(file)


@asynccontextmanager
async def sending(server: NatsServer, receivers: str, state: Path | None = None) -> AsyncIterator[Aggregator]:
    """Provide an aggregator that sends."""
    async with serving(config(server, receivers=receivers, history_step=STEP, state_dir=state)) as aggregator:
        yield aggregator


@asynccontextmanager
async def node(server: NatsServer) -> AsyncIterator[TelemetryCollector]:
    """Provide a node that has counted something."""
    collector = TelemetryCollector()
    collector.register_counter("orders_total", "Orders", ["kind"]).labels(kind="pizza").increment(3)
    collector.register_histogram("took_seconds", "Time", buckets=(0.5, 1.0)).observe(0.7)
    collector.register_histogram("waited_seconds", "Time", buckets=Exponential()).observe(0.7)
    async with Agent(collector, path="fog/0/3", servers=server.url, interval=0.1):
        yield collector


def counted(aggregator: Aggregator, name: str, **labels: str) -> float:
    """Return one of the aggregator's own numbers about the receiver."""
    [family] = [one for one in aggregator.network.own.collect() if one.family.name == name]
    wanted = {"receiver": "r", **labels}
    [value] = [one.value for one in family.series if dict(one.labels) == wanted]
    assert isinstance(value, int | float)
    return value


@pytest.mark.parametrize(
    ("protocol", "path"), [("remote-write", "/w"), ("remote-write-2", "/w"), ("otlp", "/collector")]
)
async def test_numbers_reach_a_receiver(fog_nats: NatsServer, tmp_path: Path, protocol: str, path: str) -> None:
    """Of the whole and of a level, with labels, headers and a login; at an orderly stop all series end."""
    (tmp_path / "token").write_text("s3cret\n")
    async with receiving(path) as taking, node(fog_nats):
        taking.confirms = protocol == "remote-write-2"
        keys = {"protocol": f'"{protocol}"', "levels": '["whole", 1]', "labels": '{cluster = "n"}'}
        login = {"headers": '{X-Scope-OrgID = "fog"}', "token_file": f'"{tmp_path / "token"}"'}
        async with sending(fog_nats, write(tmp_path, taking, **keys, **login)) as aggregator:
            await eventually(lambda: taking.has("orders_total", 6))
            assert not counted(aggregator, NAME, result="refused")
            assert counted(aggregator, LAG) < 20
            if protocol == "remote-write":
                await eventually(lambda: taking.described)
                assert taking.described["orders_total"] == (1, "Orders")
                assert taking.described["took_seconds"] == (3, "Time")
    of_orders = [dict(labels) for labels in taking.series if ("__name__", "orders_total") in labels]
    base = {"__name__": "orders_total", "kind": "pizza", "cluster": "n"}
    assert base in of_orders
    assert base | {"fog_level": "1", "fog_path": "fog/0"} in of_orders
    for labels, own in taking.series.items():
        *values, last = [value for _, value in sorted(own.items())]
        assert last == STALE, labels
        assert STALE not in values
    names = {dict(labels)["__name__"] for labels in taking.series}
    assert "waited_seconds" in names
    waited = [own for labels, own in taking.series.items() if ("__name__", "waited_seconds") in labels]
    assert {type(value) for own in waited for value in own.values()} <= {Native, NativeEnd, str}
    assert not any(name.startswith("waited_seconds_") for name in names)
    assert ("took_seconds" if protocol == "otlp" else "took_seconds_bucket") in names
    assert not taking.repeated
    assert taking.headers[-1]["Authorization"] == "Bearer s3cret"
    assert taking.headers[-1]["X-Scope-OrgID"] == "fog"


@pytest.mark.parametrize("how", ["option", "refused", "dropped", "unconfirmed"])
async def test_receivers_without_native_histograms_get_buckets(fog_nats: NatsServer, tmp_path: Path, how: str) -> None:
    """Whether the file says so, or they do, in whatever way; of no histogram a step is lost."""
    async with receiving() as taking, node(fog_nats):
        keys: dict[str, str] = {}
        if how == "option":
            keys["native_histograms"] = "false"
        elif how == "dropped":
            taking.drops_natives = True
        elif how == "refused":
            taking.natives = False
        else:
            taking.confirms, keys["protocol"] = True, '"remote-write-2"'
            taking.natives_written = 0
        async with sending(fog_nats, write(tmp_path, taking, **keys)) as aggregator:
            await eventually(lambda: taking.has("waited_seconds_count", 5))
            assert not counted(aggregator, NAME, result="refused")
    by_name = {dict(labels)["__name__"]: own for labels, own in taking.series.items()}
    assert by_name["waited_seconds_count"].keys() == by_name["orders_total"].keys()
    assert how == "unconfirmed" or "waited_seconds" not in by_name


async def test_a_receiver_that_fails_loses_nothing(fog_nats: NatsServer, tmp_path: Path) -> None:
    """It answers 500, 429 with a pause, 404, nothing: every step of the history gets there all the same, in order."""
    async with receiving() as taking, node(fog_nats):
        async with sending(fog_nats, write(tmp_path, taking)) as aggregator:
            await eventually(lambda: taking.has("orders_total"))
            taking.answer_headers["Retry-After"] = "0"
            taking.statuses = [500, None, 429, 503, None, 500]
            await eventually(lambda: not taking.statuses)
            await eventually(lambda: taking.has("orders_total", 15))
            assert not counted(aggregator, NAME, result="refused")
        [own] = [own for labels, own in taking.series.items() if ("__name__", "orders_total") in labels]
        *times, _ = sorted(own)
        assert {later - earlier for earlier, later in pairwise(times)} == {round(STEP * 1000)}


async def test_a_bad_series_is_named_and_costs_no_other(
    fog_nats: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """All others are taken, at each step."""
    async with receiving() as taking, node(fog_nats):
        taking.refuses = lambda labels: ("__name__", "orders_total") in labels
        async with sending(fog_nats, write(tmp_path, taking, headers='{X-Key = "s3cret"}')) as aggregator:
            await eventually(lambda: taking.has("took_seconds_count", 5))
            assert counted(aggregator, NAME, result="refused") >= 3
            assert "orders_total" in caplog.text
            assert "s3cret" not in caplog.text
            assert not taking.has("orders_total")
            taking.refuses = lambda _: False
            await eventually(lambda: taking.has("orders_total"))


async def test_a_restart_goes_on_where_it_was(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Steps that passed while nobody sent come later; none is missing, and none is sent twice."""
    async with receiving() as taking, node(fog_nats) as collector:
        receivers = write(tmp_path, taking, end_at_stop="false")
        for round_ in range(2):
            async with sending(fog_nats, receivers, tmp_path / "state"):
                await eventually(partial(taking.has, "orders_total", 5 * (round_ + 1)))
            await asyncio.sleep(2 * STEP)
            collector.get_metric("orders_total").labels(kind="pizza").increment()  # type: ignore[union-attr]
    times = sorted(next(own for labels, own in taking.series.items() if ("__name__", "orders_total") in labels))
    assert {later - earlier for earlier, later in pairwise(times)} == {round(STEP * 1000)}
    assert not taking.repeated


def write_several(folder: Path, **receivers: str) -> str:
    """Write a file of receivers: of each its name, and its address with what else its table has."""
    file = folder / "receivers.toml"
    file.write_text("\n".join(f'[[receiver]]\nname = "{name}"\nurl = {rest}' for name, rest in receivers.items()))
    return str(file)


def lags(aggregator: Aggregator) -> list[str]:
    """Return the receivers that something is sent to."""
    [lag] = [one for one in aggregator.network.own.collect() if one.family.name == LAG]
    return [dict(one.labels)["receiver"] for one in lag.series]


async def test_receivers_change_without_a_restart(
    fog_nats: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file that is read anew: one receiver goes on where it was, one comes, one goes; a bad file changes nothing."""
    caplog.set_level("INFO", "fog_aggregator")
    async with receiving() as taking, receiving() as coming, node(fog_nats):
        r, other = f'"{taking.url}"', f'"{coming.url}"'
        async with sending(fog_nats, write_several(tmp_path, r=r), tmp_path / "state") as aggregator:
            await eventually(lambda: taking.has("orders_total", 3))
            write_several(tmp_path, r=f"{r}\nx = 1")
            assert "the key 'x' is not known" in await aggregator.reload()
            taking.statuses = [500] * 3  # it is behind when its table changes
            write_several(tmp_path, r=f"{r}\nrequests = 2", other=other)
            assert await aggregator.reload() == ""
            await eventually(lambda: coming.has("orders_total", 3))
            await eventually(lambda: taking.has("orders_total", 10))
            write_several(tmp_path, other=other)
            assert await aggregator.reload() == ""
            await eventually(lambda: "sending to r no more" in caplog.text)
            requests, had = len(taking.headers), len(coming.values("orders_total"))
            await eventually(lambda: len(coming.values("orders_total")) >= had + 3)
            assert len(taking.headers) == requests
            assert lags(aggregator) == ["other"]
    [own] = [own for labels, own in taking.series.items() if ("__name__", "orders_total") in labels]
    assert STALE not in own.values()
    assert {later - earlier for earlier, later in pairwise(sorted(own))} == {round(STEP * 1000)}


async def test_the_last_receiver_can_go_and_come_back(fog_nats: NatsServer, tmp_path: Path) -> None:
    """An empty list says so; an empty file does not."""
    file = tmp_path / "receivers.toml"
    async with receiving() as taking, node(fog_nats):
        file.write_text("receiver = []")
        async with sending(fog_nats, str(file)) as aggregator:
            assert await aggregator.reload() == ""
            write(tmp_path, taking)
            assert await aggregator.reload() == ""
            await eventually(lambda: taking.has("orders_total", 2))
            file.write_text("")
            assert "receiver = [] for none" in await aggregator.reload()
            file.write_text("receiver = []")
            assert await aggregator.reload() == ""
            await eventually(lambda: not lags(aggregator))


async def test_a_receiver_that_knows_no_2_gets_1(fog_nats: NatsServer, tmp_path: Path) -> None:
    """One that answers 204 without a word on what it has written has not understood; no sample is lost to it."""
    async with receiving() as taking, node(fog_nats):
        receivers = write(tmp_path, taking, protocol='"remote-write-2"')
        async with sending(fog_nats, receivers):
            await eventually(lambda: taking.has("orders_total", 2))
    assert "v2" in taking.headers[0]["Content-Type"]
    assert "v2" not in taking.headers[-1]["Content-Type"]


async def test_no_sample_is_ahead_of_the_receivers_clock(fog_nats: NatsServer, tmp_path: Path) -> None:
    """A receiver whose clock is 2 s behind gets each step a second later."""
    async with receiving() as taking, node(fog_nats):
        taking.ahead = -2.0
        async with sending(fog_nats, write(tmp_path, taking)) as aggregator:
            await eventually(lambda: taking.has("orders_total", 2))
            newest = max(at for own in taking.series.values() for at in own)
            assert newest / 1e3 <= aggregator.network.now() - 0.5


async def test_points_that_a_collector_leaves_out_are_counted(fog_nats: NatsServer, tmp_path: Path) -> None:
    """An answer of 200 may say that some were rejected."""
    async with receiving("/collector") as taking, node(fog_nats):
        taking.rejects = 2
        async with sending(fog_nats, write(tmp_path, taking, protocol='"otlp"')) as aggregator:
            await eventually(lambda: counted(aggregator, NAME, result="refused") >= 2)


async def test_a_receiver_that_hangs_holds_nobody_up(fog_nats: NatsServer, tmp_path: Path) -> None:
    """The aggregator is ready and ends in good order; the next run sends all steps that were not answered."""
    async with receiving() as taking, node(fog_nats):
        receivers, state = write(tmp_path, taking), tmp_path / "state"
        taking.hangs = True
        async with asyncio.timeout(60), sending(fog_nats, receivers, state) as aggregator:
            await eventually(lambda: counted(aggregator, LAG) > 1)
            first = aggregator.network.now() - 0.5
        taking.hangs = False
        async with sending(fog_nats, receivers, state) as aggregator:
            await eventually(lambda: taking.has("orders_total", 8))
            assert not counted(aggregator, "fog_aggregator_outgoing_steps_dropped_total", reason="forgotten")
        times = sorted(next(own for labels, own in taking.series.items() if ("__name__", "orders_total") in labels))
        assert times[0] / 1e3 < first
