"""Journals are deleted when all is in the stream, kept while it is not, and set aside when they are of no use."""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from fog_agent import Agent
from fog_agent.core.journal.recovery import FINAL_AGE, Address
from fog_agent.core.writer import Settings
from fog_agent.edge.recovery import Recovery
from fog_bus.memory import MemoryBus
from fog_bus.ports import Outcome, Publish, Refusal
from fog_testing.fleet import Fleet
from fog_testing.waiting import eventually
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.journal.layout import AT_BANKS, CELL, FINAL_SENT

PROGRAM = """
import sys, asyncio
from fog_agent import Agent
from fog_bus.memory import MemoryBus
from utilityfog_frontend.telemetry import TelemetryCollector

async def main():
    collector = TelemetryCollector(journal=sys.argv[1])
    orders = collector.register_counter("orders_total")
    bus = MemoryBus()
    bus.streams["FOG_V1_METRICS"].refusal = "full" if sys.argv[2] == "refused" else None
    async with Agent(collector, path="f/0", bus=bus, deadline=1.0):
        orders.increment(3)
    orders.increment(int(sys.argv[3]))  # after the final

asyncio.run(main())
"""


def run(journals: Path, server: str, late: int) -> list[Path]:
    """Run a program that ends in good order; return the journals that it leaves."""
    subprocess.run([sys.executable, "-c", PROGRAM, str(journals), server, str(late)], check=True, timeout=60)
    return sorted(journals.glob("*.journal"))


async def fleet_of(journals: Path, path: str = "f/1") -> Fleet:
    """Begin a fleet with one agent that looks for journals, and wait until none is left."""
    fleet = Fleet(bus=MemoryBus())
    await fleet.__aenter__()
    await fleet.node(path, TelemetryCollector(journal=journals))
    own = 1
    await eventually(lambda: len(list(journals.glob("*.journal"))) == own, deadline=30.0, what="no journal is left")
    await fleet.settle()
    return fleet


async def test_an_acknowledged_final_deletes_the_journal(tmp_path: Path) -> None:
    """Nothing is left to be done."""
    assert run(tmp_path / "journals", "up", 0) == []


@pytest.mark.parametrize(("server", "late"), [("refused", 0), ("refused", 4), ("up", 4)])
async def test_what_is_not_acknowledged_is_sent_by_the_next_agent(tmp_path: Path, server: str, late: int) -> None:
    """A final that nobody took, and what was counted after a final; each once, and under the path of the program."""
    assert len(run(tmp_path / "journals", server, late)) == 1
    fleet = await fleet_of(tmp_path / "journals")
    try:
        counted = (3 if server == "refused" else 0) + late
        assert fleet.value("orders_total", "f/0") == counted
        assert fleet.value("fog_agent_epochs_recovered_total") == (server == "refused") + bool(late)
    finally:
        await fleet.__aexit__(None, None, None)


class Narrow(MemoryBus):
    """A bus whose streams take no message longer than `most`."""

    most = 20

    async def publish(self, subject: str, payload: bytes, deadline: float) -> Publish:
        """Refuse what is longer."""
        if len(payload) > self.most:
            return Publish(Outcome.REFUSED, Refusal.TOO_LARGE)
        return await super().publish(subject, payload, deadline)


async def test_a_journal_waits_for_a_stream_that_takes_too_little(tmp_path: Path) -> None:
    """While not even one series fits, the journal stays; nothing is wrong with it."""
    journals = tmp_path / "journals"
    [left] = run(journals, "refused", 0)
    bus = Narrow()
    recovery = Recovery(journals, bus, Address(("f", "1"), "fog", Settings()))
    for _ in range(8):
        await recovery.sweep()
        assert left.exists()
    bus.most = 1000
    await recovery.sweep()
    await recovery.sweep()
    assert not left.exists()
    assert [message.subject for message in bus.streams["FOG_V1_METRICS"].messages] == ["fog.v1.metrics.f.0"]


async def test_children_that_leave_without_a_word_are_ended_by_their_parents_agent(tmp_path: Path) -> None:
    """As it looks again, now and then; a child that counted nothing leaves nothing."""
    collector = TelemetryCollector(journal=tmp_path / "journals")
    orders = collector.register_counter("orders_total")
    children = []
    for number in range(4):
        child = os.fork()
        if not child:
            orders.increment(number)
            os._exit(0)
        children.append(child)
    for child in children:
        await asyncio.to_thread(os.waitpid, child, 0)
    orders.increment(10)
    assert len(list((tmp_path / "journals").glob("*.journal"))) == 5
    async with Fleet(bus=MemoryBus()) as fleet:
        await fleet.node("f/1", collector)
        await eventually(lambda: len(list((tmp_path / "journals").glob("*.journal"))) == 1, deadline=30.0)
        await fleet.settle()
        assert fleet.value("orders_total") == 10 + 6
        assert fleet.value("fog_agent_epochs_recovered_total") == 3


async def test_journals_of_no_use_are_set_aside_and_counted(tmp_path: Path) -> None:
    """A torn one, one of another version, one whose final may be forgotten: by reason, and nobody tries them again."""
    journals = tmp_path / "journals"
    [old] = run(journals, "refused", 2)
    image = bytearray(old.read_bytes())
    at = (AT_BANKS[1] + FINAL_SENT) * CELL
    [sent] = struct.unpack_from("=d", image, at)
    struct.pack_into("=d", image, at, sent - FINAL_AGE - 60.0)
    old.write_bytes(image)
    (journals / "1-torn.journal").write_bytes(image[: len(image) // 2])
    (journals / "2-foreign.journal").write_bytes(b"no journal" * 10_000)
    fleet = await fleet_of(journals)
    try:
        for reason in ("torn", "version", "expired"):
            assert fleet.value("fog_agent_journals_set_aside_total", reason=reason) == 1
        assert fleet.value("orders_total", "f/0") == 2  # of the epoch that has sent no final
        assert len(list(journals.glob("*.set-aside"))) == 3
    finally:
        await fleet.__aexit__(None, None, None)


async def test_a_journal_that_the_server_does_not_take_stays(tmp_path: Path) -> None:
    """And is sent once it does, above the numbers that were used in vain."""
    journals = tmp_path / "journals"
    assert len(run(journals, "refused", 0)) == 1
    bus = MemoryBus()
    bus.streams["FOG_V1_METRICS"].refusal = Refusal.FULL
    async with Agent(TelemetryCollector(), path="f/1", bus=bus, journal=journals, deadline=0.5):
        pass
    assert len(list(journals.glob("*.journal"))) == 1
    fleet = await fleet_of(journals)
    try:
        assert fleet.value("orders_total", "f/0") == 3
    finally:
        await fleet.__aexit__(None, None, None)


async def test_a_second_path_is_not_in_the_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is published all the same, and one line says so."""
    collector = TelemetryCollector(journal=tmp_path / "journals")
    collector.register_counter("orders_total").increment()
    async with Fleet(bus=MemoryBus()) as fleet:
        await fleet.node("f/0", collector)
        await fleet.node("f/1", collector)
        await fleet.settle()
        assert fleet.value("orders_total") == 2
    assert any("kept for another path" in record.message for record in caplog.records)
