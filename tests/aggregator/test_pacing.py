"""Checkpoints cost a bounded part of the time and of a disk's bytes, and an idle fleet writes none."""

from __future__ import annotations

from math import inf
from pathlib import Path

import pytest

from fog_agent import Agent
from fog_aggregator.components.checkpoints.unsaved import Unsaved
from fog_aggregator.core.checkpoint_keeper import SavingBudget, SavingSchedule
from fog_bus.ports import Position
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.fleet import Fleet
from tests.aggregator.services import config, serving, total
from tests.aggregator.test_saving import engine_of
from utilityfog_frontend.telemetry import TelemetryCollector

GIB = 2**30


@pytest.mark.parametrize(
    ("took", "size", "until_gap", "pause"),
    [
        pytest.param(0.1, 1000, inf, 10.0, id="a small one: the interval"),
        pytest.param(2.0, 1000, inf, 38.0, id="2 s are a twentieth of 40"),
        pytest.param(2.0, GIB, inf, 8640 - 2.0, id="10 GiB a day"),
        pytest.param(2.0, GIB, 400.0, 100.0, id="a stream that keeps 400 s: a quarter of them"),
        pytest.param(2.0, GIB, 0.0, 10.0, id="a reader that is late: the interval"),
        pytest.param(60.0, GIB, 8.0, 60.0, id="half of the time is left for reading, whatever streams keep"),
    ],
)
def test_the_pause_after_a_checkpoint(took: float, size: int, until_gap: float, pause: float) -> None:
    """The dearest budget decides; streams that keep little go before budgets."""
    schedule = SavingSchedule(10.0, 1000.0, SavingBudget(0.05, 10 * GIB))
    assert schedule.due_at(until_gap) == 1010.0 if until_gap > 40 else schedule.due_at(until_gap) <= 1010.0
    schedule.ended(2000.0, took, size)
    assert schedule.pause(until_gap) == pytest.approx(pause)
    assert schedule.due_at(until_gap) == pytest.approx(2000.0 + pause)


def test_a_stream_that_fills_up_faster_hurries_it() -> None:
    """The next one is due sooner as soon as the streams keep less, not only after the next one."""
    schedule = SavingSchedule(10.0, 0.0, SavingBudget(0.01))
    schedule.ended(100.0, 6.0, 0)
    assert schedule.due_at() == 100.0 + 594.0
    assert schedule.due_at(until_gap=80.0) == 120.0


def test_after_a_failure_the_interval_holds() -> None:
    """An attempt that cost nothing is repeated as before."""
    schedule = SavingSchedule(10.0, 0.0, SavingBudget(0.05, GIB))
    schedule.ended(50.0, 0.01, GIB)
    schedule.ended(90_000.0, 0.01)
    assert schedule.due_at() == 90_010.0


class Asked:
    """A fleet with an engine beside it, and what is to be saved of them."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.engine = engine_of(self.fleet.network)
        self.unsaved = Unsaved(self.engine, self.fleet.network)
        self.unsaved.saved(self.unsaved.moment())


def test_time_alone_is_not_saved() -> None:
    """Nothing was read, and the same nodes live: there is nothing to write."""
    asked = Asked()
    asked.fleet.join("fog/0")
    asked.fleet.send()
    asked.unsaved.saved(asked.unsaved.moment())
    asked.engine.fleet.observe(1.0, asked.fleet.network.now())
    assert not asked.unsaved.has_read()
    assert not asked.unsaved.is_there()


def test_what_was_read_is_to_be_saved() -> None:
    """A position that has moved is enough, whatever was in the messages."""
    asked = Asked()
    asked.engine.cursors["FOG_METRICS"].position = Position("then", 7, 8)
    assert asked.unsaved.has_read()
    assert asked.unsaved.is_there()


def test_a_node_that_falls_silent_is_to_be_saved() -> None:
    """After a restart it would seem to live."""
    asked = Asked()
    asked.fleet.join("fog/0")
    asked.fleet.send()
    asked.unsaved.saved(asked.unsaved.moment())
    asked.engine.fleet.listen(1e6, live=True, now=asked.fleet.network.now())
    assert asked.unsaved.is_there()


def test_an_exported_value_is_to_be_saved() -> None:
    """A fractional counter must not be lower after a restart than a scrape has seen it."""
    asked = Asked()
    asked.fleet.join("fog/0").collector.register_counter("work_total", "Work").increment(0.5)
    asked.fleet.send()
    asked.unsaved.saved(asked.unsaved.moment())
    asked.fleet.network.collect()
    assert asked.unsaved.is_there()
    asked.unsaved.saved(asked.unsaved.moment())
    asked.fleet.network.collect()
    assert not asked.unsaved.is_there()


async def test_an_idle_fleet_writes_nothing(
    fog_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While nodes count, checkpoints are written; when all have ended, ten looks in a row write none."""
    looks: list[int] = []
    is_there = Unsaved.is_there

    def look(unsaved: Unsaved) -> bool:
        looks.append(newest(tmp_path))
        return is_there(unsaved)

    monkeypatch.setattr(Unsaved, "is_there", look)
    collector = TelemetryCollector()
    work = collector.register_counter("work_total", "Work")
    async with serving(
        config(fog_nats, state_dir=tmp_path, checkpoint_interval=0.1, checkpoint_share=1.0)
    ) as aggregator:
        async with Agent(collector, path="fog/0", servers=fog_nats.url, interval=0.1):
            work.increment(5)
            await eventually(lambda: newest(tmp_path) > 2, what="checkpoints are written")
        await eventually(lambda: len(looks) > 10 and len(set(looks[-10:])) == 1, what="ten looks write nothing")
        assert total(aggregator, "fog_aggregator_checkpoint_unsaved_seconds") == 0
        assert total(aggregator, "work_total") == 5


def newest(directory: Path) -> int:
    """Return the number of the newest checkpoint; 0 without any."""
    return max((int(file.stem.removeprefix("checkpoint-")) for file in directory.glob("checkpoint-*.fog")), default=0)
