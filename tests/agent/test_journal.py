"""Programs are killed while they count: the next agent ends their epochs, exact to the last increment that returned."""

from __future__ import annotations

import mmap
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fog_agent import Agent
from fog_testing.fleet import Fleet
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.agent.journaled import CELLS, THREADS
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import HistogramValue, Value

SECONDS = 60.0
BYTES = THREADS * CELLS * 8


class Truth:
    """Knows how far a program had counted when it was killed."""

    def __init__(self, file: Path) -> None:
        file.write_bytes(bytes(BYTES))
        self.file = file
        with file.open("r+b") as opened:
            self._cells = memoryview(mmap.mmap(opened.fileno(), 0)).cast("q")

    @property
    def begun(self) -> list[int]:
        """Rounds that each thread had begun."""
        return self._cells[::CELLS].tolist()

    @property
    def returned(self) -> list[int]:
        """Rounds of each thread whose every increment had returned."""
        return self._cells[1::CELLS].tolist()


@contextmanager
def counting(journals: Path, truth: Truth, servers: str = "", path: str = "f/0") -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that counts, and kill it if nobody else has."""
    command = [sys.executable, "-m", "tests.agent.journaled", str(journals), str(truth.file), servers, path]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as program:
        try:
            yield program
        finally:
            program.kill()


def totals(fleet: Fleet, path: str = "") -> dict[str, Value]:
    """Return the fleet's totals by name, over all labels."""
    found: dict[str, Value] = {}
    for snapshot in fleet.network.collect():
        for series in snapshot.series:
            name = snapshot.family.name
            found[name] = found[name] + series.value if name in found else series.value  # type: ignore[operator]
    return found


def counts(fleet: Fleet, path: str) -> bool:
    """Tell whether anything that a program at a path has counted is there."""
    with suppress(KeyError):
        return fleet.value("of_0_total", path) > 0
    return False


def check(shown: dict[str, Value], truths: list[Truth]) -> None:
    """Every increment that returned is there, and none that was not begun; of those in between either is right."""
    assert sum(sum(truth.returned) for truth in truths) > 0
    for number in range(THREADS):
        least, most = (sum(of) for of in zip(*[(t.returned[number], t.begun[number]) for t in truths], strict=True))
        sizes, fractions = shown[f"sizes_{number}"], shown[f"fractions_{number}_total"]
        assert isinstance(sizes, HistogramValue)
        assert isinstance(fractions, float)
        assert least <= shown[f"of_{number}_total"] <= most
        assert least <= sizes.count <= most
        assert round(fractions * 10) in range(least, most + 1)
        if len(truths) == 1:  # buckets and sum are of the same observations
            assert sizes.sum == sum(value % 2000 for value in range(1, sizes.count + 1))
    everybody = [sum(sum(of) for of in kind) for kind in ([t.returned for t in truths], [t.begun for t in truths])]
    for name, factor in (("everybodys_total", 3), ("jobs_total", 1)):
        assert everybody[0] * factor <= shown[name] <= everybody[1] * factor  # type: ignore[operator]


async def recovered(directory: Path) -> None:
    """Wait until no journal of a dead process is left."""
    await eventually(
        lambda: not list(directory.glob("*.journal")), deadline=SECONDS, what="the journals are dealt with"
    )


@pytest.mark.parametrize("seed", range(4))
async def test_a_killed_program_loses_nothing(
    tmp_path: Path, fog_nats: NatsServer, fog_fleet: Fleet, seed: int
) -> None:
    """Killed at a random moment while its agent publishes; another agent ends its epoch."""
    truth, rng = Truth(tmp_path / "truth"), random.Random(seed)
    rounds = rng.choice((1, 50, 2_000, 20_000)) + rng.randrange(3000)
    with counting(tmp_path / "journals", truth, fog_nats.url) as program:
        await eventually(lambda: min(truth.returned) >= rounds, deadline=SECONDS, what="it counts")
        program.send_signal(signal.SIGKILL)
        program.wait()
    async with Agent(TelemetryCollector(), path="f/1", servers=fog_nats.url, journal=tmp_path / "journals"):
        await recovered(tmp_path / "journals")
    await eventually(lambda: "of_0_total" in totals(fog_fleet), deadline=SECONDS, what="its counts are there")
    await fog_fleet.settle()
    check(totals(fog_fleet), [truth])


async def test_a_program_killed_before_its_first_frame_loses_nothing(
    tmp_path: Path, fog_nats: NatsServer, fog_fleet: Fleet
) -> None:
    """Its epoch is in the journal alone; the final is its first frame, under the path of whoever ends it."""
    truth = Truth(tmp_path / "truth")
    with counting(tmp_path / "journals", truth) as program:
        await eventually(lambda: min(truth.returned) >= 100, deadline=SECONDS, what="it counts")
        program.kill()
        program.wait()
    async with Agent(TelemetryCollector(), path="f/1", servers=fog_nats.url, journal=tmp_path / "journals"):
        await recovered(tmp_path / "journals")
    await fog_fleet.settle()
    check(totals(fog_fleet), [truth])
    assert fog_fleet.value("everybodys_total", "f/1") > 0


async def test_two_recoverers_at_once_count_it_once(tmp_path: Path, fog_nats: NatsServer, fog_fleet: Fleet) -> None:
    """And the journal of a program that lives is not touched by any."""
    truths = [Truth(tmp_path / f"truth{number}") for number in range(3)]
    directory = tmp_path / "journals"
    with counting(directory, truths[0], fog_nats.url) as dead, counting(directory, truths[1], fog_nats.url) as other:
        with counting(directory, truths[2], fog_nats.url, "f/2"):
            await eventually(lambda: all(min(truth.returned) >= 100 for truth in truths), deadline=SECONDS)
            for program in (dead, other):
                program.kill()
                program.wait()
            agents = [
                Agent(TelemetryCollector(), path=f"f/{number}", servers=fog_nats.url, journal=directory)
                for number in (3, 4, 5)
            ]
            for agent in agents:
                await agent.start()
            await eventually(lambda: len(list(directory.glob("*.journal"))) == 1, deadline=SECONDS)
            await eventually(lambda: counts(fog_fleet, "f/2"), deadline=SECONDS)  # it goes on
        await recovered(directory)
        for agent in agents:
            await agent.stop()
    await fog_fleet.settle()
    check(totals(fog_fleet), truths)
