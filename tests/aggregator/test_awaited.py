"""Totals of branches wait for the commands that were given before them, and readiness says when none are read."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from fog_aggregator.brain import Brain
from fog_aggregator.core.commands.awaited import LONGEST_WAIT
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.places.origin import Origin
from fog_bus.ports import Message
from fog_bus.streams import CONTROL, EVENTS, METRICS
from fog_schema.commands import REBASE, Command, encode_command
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.aggregator.branch_root import counted
from tests.aggregator.rollups import Reporter
from tests.aggregator.services import config, serving
from tests.aggregator.test_commands import NOON, PATH, SUBJECTS, Reading, info, message, rollup, work
from tests.aggregator.test_unread import _ask as asked
from tests.bus.broker import connected, make_stream


def backlog() -> tuple[Reading, Message, list[Message]]:
    """Return a root that was away, an order to rebase that was given meanwhile, and totals of before and after it."""
    reading, anew = Reading(branches=(PATH,)), Reporter(2, Origin(2))
    for stream in "ME":
        reading.begin(stream)
    reading.begin("C", what=info(1))
    reading.begin("R", what=info(4))
    rebase = message(SUBJECTS.control(PATH), encode_command(Command(REBASE, author="jo", comment="disks")), NOON + 2.5)
    frames = [
        rollup(Reporter(1, Origin(1)).keyframe(counted(10), final=True), NOON + 0.5, 1),
        rollup(anew.keyframe(counted(4)), NOON + 1, 2),
        rollup(anew.delta(counted(5)), NOON + 2, 3),
        rollup(anew.delta(counted(7)), NOON + 3, 4),
    ]
    return reading, rebase, frames


async def test_a_rebase_in_a_backlog_is_done_where_it_was_given() -> None:
    """However early the totals of after it come: they are not read before the command is."""
    reading, rebase, frames = backlog()
    around: Any = None
    brain = Brain(reading.engine, reading.network, around, around, SUBJECTS, around, around)
    reading.engine.cursors["C"].look(info(1), time.monotonic())
    task = asyncio.create_task(brain.take("R", frames, 0))
    for _ in range(5):
        await asyncio.sleep(0)
    assert work(reading) is None
    await brain.take("C", [rebase], 0)
    await asyncio.wait_for(task, 40)
    assert work(reading) == 12


def test_totals_wait_for_commands_for_a_while() -> None:
    """They wait no more once these are read, or were waited for long enough, until they are read and lost again."""
    reading, rebase, _ = backlog()
    engine = reading.engine
    assert [engine.must_wait(stream, 1.0) for stream in "MECR"] == [False, False, False, True]
    assert engine.must_wait("R", 0.9 + LONGEST_WAIT)
    assert not engine.must_wait("R", 1.0 + LONGEST_WAIT)
    reading.read("C", rebase)
    assert not engine.must_wait("R", 20.0)
    engine.cursors["C"].end("disconnected", 30.0)
    assert engine.must_wait("R", 30.0)


def test_totals_do_not_wait_for_commands_of_which_there_is_no_stream() -> None:
    """Nobody has made it: there are no commands."""
    reading, _, _ = backlog()
    assert reading.engine.must_wait("R", 1.0)
    reading.engine.cursors["C"].find_absent()
    assert not reading.engine.must_wait("R", 1.0)


def test_after_a_checkpoint_all_wait_for_the_clock_that_dates_them() -> None:
    """Without one the first server that speaks stands in; with one, nobody knows yet how long ago that was (R12.56)."""
    reading = Reading()
    assert not any(reading.engine.must_wait(stream, 1.0) for stream in "MEC")
    reading.engine.fleet.observe(1.0, NOON)
    reading.engine.resume(reading.engine.fleet, EventList(), {}, 3600.0)
    assert [reading.engine.must_wait(stream, 3600.0) for stream in "MEC"] == [False, True, True]
    reading.engine.cursors["M"].find_absent()
    assert reading.engine.must_wait("C", 3700.0), "however long it is not there: nothing is shown before it is"
    reading.engine.cursors["C"].begin(info(1), 3700.0)
    assert "wait for the stream M:" in reading.engine.unread_commands(3720.0)["C"], "C answers: M does not"
    reading.engine.cursors["M"].begin(info(0), 3700.0)
    assert not any(reading.engine.must_wait(stream, 3700.0) for stream in "MEC")


def test_streams_whose_commands_are_not_read_are_named() -> None:
    """With the reason; one that is read is not."""
    reading, _, _ = backlog()
    engine = reading.engine
    assert engine.unread_commands(1.0) == {}
    assert engine.unread_commands(100.0) == {"C": "it does not answer"}
    engine.cursors["C"].find_absent()
    assert engine.unread_commands(1.0) == {"C": "it is not there; `fog streams apply` creates it"}


async def test_readiness_says_that_commands_are_not_read(fog_nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ready all the same; and says nothing any more once there is a stream of them."""
    monkeypatch.setattr("fog_aggregator.streams._PAUSE", 0.2)
    monkeypatch.setattr("fog_aggregator.streams._LONG_PAUSE", 0.2)
    async with connected(fog_nats.url) as link:
        for kind, name in (("metrics", METRICS), ("events", EVENTS)):
            await make_stream(link, name, f"fog.v1.{kind}.>", max_age=86_400_000_000_000)
        async with serving(config(fog_nats, create_streams=False)) as aggregator:
            await eventually(
                lambda: "not there" in aggregator.status.unread_commands().get(CONTROL, ""), what="it is told"
            )
            said = f"commands of operators are not read: {CONTROL}: it is not there; `fog streams apply` creates it\n"
            assert said in await asked(aggregator, "/-/ready")
            assert f'"commands_unread": {{"{CONTROL}": "it is not there' in await asked(aggregator, "/api/status")
            await make_stream(link, CONTROL, "fog.v1.control.>", max_age=86_400_000_000_000)
            await eventually(lambda: not aggregator.status.unread_commands(), what="they are read")
            assert await asked(aggregator, "/-/ready") == "ready\n"
