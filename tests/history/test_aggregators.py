"""Real aggregators on a real nats-server: a history has no hole where its aggregator was away, and a pair agrees."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from fog_agent import Agent
from fog_aggregator.components.history.history import History
from fog_aggregator.history.routing import Level, View, Whole
from fog_aggregator.promql import EvaluationError
from fog_aggregator.promql.labels import Matcher, MatchKind
from fog_aggregator.promql.storage import is_stale
from fog_aggregator.service import Aggregator
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.services import config, running, serving
from utilityfog_frontend.telemetry import TelemetryCollector

STEP = 0.5
ORDERS = (Matcher(MatchKind.EQUAL, "__name__", "orders_total"),)


def history_of(aggregator: Aggregator) -> History:
    """Return an aggregator's history."""
    return next(one for one in aggregator._components if isinstance(one, History))  # noqa: SLF001 - what it keeps, without HTTP


def steps(aggregator: Aggregator, view: View) -> dict[tuple[str, int], float]:
    """Return the values of the counter by path and time; ended series count as absent."""
    found: dict[tuple[str, int], float] = {}
    for part in history_of(aggregator).source.select(view, ORDERS, 0, 10**14).parts:
        for row, labels in enumerate(part.labels):
            offsets = part.offsets
            span = slice(None) if offsets is None else slice(int(offsets[row]), int(offsets[row + 1]))
            values = part.values[row] if offsets is None else part.values[span]
            marks = is_stale(values.copy())
            for time, value, mark in zip(part.times[span].tolist(), values.tolist(), marks.tolist(), strict=True):
                if not mark:
                    found[dict(labels).get("fog_path", ""), time] = value
    return found


def times(aggregator: Aggregator) -> list[int]:
    """Return the times at which the whole has the counter."""
    return sorted(time for _, time in steps(aggregator, Whole()))


def newest(aggregator: Aggregator) -> int:
    """Return the time of the newest step; 0 without any."""
    return history_of(aggregator).source.newest or 0


@contextlib.asynccontextmanager
async def counting(server: NatsServer) -> AsyncIterator[None]:
    """Have two nodes count while the body runs."""
    collectors = [TelemetryCollector() for _ in range(2)]
    counters = [one.register_counter("orders_total", "Orders") for one in collectors]

    async def count() -> None:
        while True:
            for number, counter in enumerate(counters):
                counter.increment(1 + number)
            await asyncio.sleep(0.05)

    async with contextlib.AsyncExitStack() as stack:
        for number, collector in enumerate(collectors):
            agent = Agent(collector, path=f"fog/{number}", servers=server.url, interval=0.2)
            await stack.enter_async_context(agent)
        task = asyncio.create_task(count())
        stack.callback(task.cancel)
        yield


def same(one: Aggregator, other: Aggregator) -> bool:
    """Compare two histories at the steps that both have; there are some."""
    for view in (Whole(), Level(1)):
        mine, theirs = steps(one, view), steps(other, view)
        common = mine.keys() & theirs.keys()
        assert common
        assert {key: mine[key] for key in common} == {key: theirs[key] for key in common}
    return True


async def test_an_aggregator_that_was_away_has_no_hole(fog_nats: NatsServer, tmp_path: Path) -> None:
    """Stopped in good order, and killed: the steps that it missed are those of the partner that stayed."""
    settings = config(fog_nats, history_step=STEP, state_dir=tmp_path, checkpoint_interval=0.3, checkpoint_share=1.0)
    async with serving(config(fog_nats, history_step=STEP)) as partner, counting(fog_nats):
        async with serving(settings) as early:
            await eventually(lambda: len(times(early)) > 4, deadline=30)
            first, before = times(early)[0], newest(early)
        await eventually(lambda: newest(partner) > before + 3000, deadline=30)
        async with serving(settings) as killed:
            await eventually(lambda: newest(killed) > before + 3000, deadline=30)
            assert same(killed, partner)
        async with running(settings) as (again, task):
            await eventually(lambda: again.status.ready()[0], deadline=30)
            before = newest(again)
            await eventually(lambda: newest(again) > before + 1500, deadline=30)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        async with serving(settings) as last:
            await eventually(lambda: newest(last) > before + 4000, deadline=30)
            found = times(last)
            assert found == list(range(first, found[-1] + 1, 500))
            assert same(last, partner)


async def test_a_damaged_journal_is_set_aside(
    fog_nats: NatsServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Steps before the damage are used, the file is kept to look at, and the history goes on."""
    settings = config(fog_nats, history_step=STEP, state_dir=tmp_path)
    async with counting(fog_nats):
        async with serving(settings) as early:
            await eventually(lambda: len(times(early)) > 5, deadline=30)
            first = times(early)[0]
        [journal] = (tmp_path / "history").glob("journal-*.fog")
        data = bytearray(journal.read_bytes())
        data[len(data) * 2 // 3] ^= 1
        journal.write_bytes(data)
        async with serving(settings) as later:
            known = times(later)
            assert known[0] == first
            await eventually(lambda: newest(later) > known[-1] + 1000, deadline=30)
            assert later.network.get_metric("fog_aggregator_history_files_damaged_total").get_value().value == 1  # type: ignore[union-attr]
    assert [file.suffix for file in (tmp_path / "history").glob("*.corrupt")] == [".corrupt"]
    assert "its checksum is wrong" in caplog.text


async def test_without_state_the_streams_are_the_history(fog_nats: NatsServer) -> None:
    """An aggregator that starts late has the steps from before its start, and the numbers of one that was there."""
    async with serving(config(fog_nats, history_step=STEP)) as partner, counting(fog_nats):
        await eventually(lambda: len(times(partner)) > 8, deadline=30)
        began = newest(partner)
        async with serving(config(fog_nats, history_step=STEP)) as late:
            await eventually(lambda: newest(late) > began + 1000, deadline=30)
            assert len([time for time in times(late) if time <= began]) > 3
            assert same(late, partner)


def series(aggregator: Aggregator) -> dict[str, int]:
    """Return how many series each level has."""
    own = {family.family.name: family for family in aggregator.network.own.collect()}
    found = own["fog_aggregator_history_series"].series
    return {dict(one.labels)["level"]: int(one.value) for one in found}  # type: ignore[arg-type]


def status_of(aggregator: Aggregator) -> str:
    """Return the address of an aggregator's status."""
    host, port = aggregator.web.address
    return f"http://{host}:{port}/api/status"


async def test_levels_that_do_not_fit_are_left_out(fog_nats: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    """The whole and level 0 fit, level 1 does not: the log, a metric, the error of a query and the status say so."""
    async with counting(fog_nats):
        async with serving(config(fog_nats, history_step=STEP)) as free:
            await eventually(lambda: len({path for path, _ in steps(free, Level(1))}) == 2, deadline=30)
            sizes = series(free)
        assert sizes["1"] > sizes["0"] > 5
        limit = sizes["whole"] + sizes["0"] + sizes["1"] // 2
        async with serving(config(fog_nats, history_step=STEP, history_series=limit)) as tight:
            await eventually(lambda: "level 1 is not kept: it has" in caplog.text, deadline=30)
            await eventually(lambda: bool(steps(tight, Level(0))), deadline=30)
            with pytest.raises(EvaluationError, match=r"level 1 is not kept: it has .* --history-series"):
                history_of(tight).source.select(Level(1), ORDERS, newest(tight) - 1, newest(tight))
            assert series(tight)["0"] == sizes["0"]
            async with aiohttp.ClientSession() as session, session.get(status_of(tight)) as answer:
                assert (await answer.json())["levels_kept"] == [0]
