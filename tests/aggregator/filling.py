"""Fill every limit of an aggregator at once, from paths of their own, and print what it took. Run as a child process.

python -m tests.aggregator.filling 256
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Self

import psutil

from fog_aggregator.config import AggregatorConfig
from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.memory.keeping import MemoryMetrics, empty_fleet, within_memory
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, ViewKey
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message
from fog_schema.codec import encode
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.definitions import encode_definitions
from fog_schema.frames import (
    COUNTER,
    DELTA,
    EVENTS,
    FINAL,
    HISTOGRAM,
    KEYFRAME,
    LAST_PART,
    Definition,
    Event,
    Frame,
    Histograms,
)
from fog_schema.sections.field import Numbers
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exposition import negotiate

NOW = 1_700_000_000.0
SECONDS = 14.0
ATTACKERS = 12
VICTIM = "fog.v1.metrics.fog.victim"


def definition(
    name: str, values: list[str], bounds: tuple[float, ...] = (), first: int = 1, help_: str = ""
) -> Definition:
    """Define a label set for each value."""
    kind = HISTOGRAM if bounds else COUNTER
    ids = pack_ids(range(first, first + len(values)))
    return Definition(name, kind, help_, "", bounds, (), ("label",), ids, tuple(values))


def keyframe(epoch: int, definitions: list[Definition], flags: int = LAST_PART, seq: int = 1, part: int = 0) -> Frame:
    """Make a keyframe that defines series of one kind, each with a count of 1."""
    frame = Frame(KEYFRAME, epoch, seq, flags, part=part, definitions=encode_definitions(definitions))
    ids = [number for one in definitions for number in one.ids.tolist()]
    if ids and definitions[0].bounds:
        width = len(definitions[0].bounds) + 1
        counts = pack_ints([1] + [0] * (width * len(ids) - 1))
        frame.histograms = (Histograms(width, pack_ids(ids), counts, pack_floats([0.5] * len(ids))),)
    elif ids:
        frame.counters = Numbers(pack_ids(ids), pack_ints([1] * len(ids)))
    return frame


def series(path: str) -> Iterator[Frame]:
    """Send ever new label sets."""
    for n in count(1):
        yield keyframe(
            n, [definition(f"c{d}", [f"{path}{n}_{d}_{i}" for i in range(1000)], first=1000 * d) for d in range(4)]
        )


def labels(path: str) -> Iterator[Frame]:
    """Send label sets with long values."""
    for n in count(1):
        yield keyframe(n, [definition("long", [f"{path}{n}_{i}" + "é" * 900 for i in range(100)])])


def bounds(_path: str) -> Iterator[Frame]:
    """Send histograms of 256 bounds, and of ever other ones."""
    for n in count(1):
        edges = tuple(n + i / 2 for i in range(256 - n % 8))
        yield keyframe(n, [definition(f"h{n % 4}", [str(i) for i in range(1000)], edges)])


def one_label_set(_path: str) -> Iterator[Frame]:
    """Send 20,000 ids of one label set, each time with other ids."""
    for n in count(1):
        ids = pack_ids(range(n * 20_000, (n + 1) * 20_000))
        yield keyframe(n, [Definition("same", COUNTER, "", "", (), (), (), ids, ())])


def families(path: str) -> Iterator[Frame]:
    """Send ever new families with long help texts."""
    for n in count(1):
        name = f"f_{path.rpartition('.')[2]}_{n}"
        yield keyframe(n, [definition(f"{name}_{i}", ["x"], first=i + 1, help_="é" * 1000) for i in range(100)])


def epochs(_path: str) -> Iterator[Frame]:
    """Begin ever new epochs, and end every other."""
    for n in count(1):
        yield keyframe(n, [definition("e", ["x"])], LAST_PART | (FINAL if n % 2 else 0))


def parts(_path: str) -> Iterator[Frame]:
    """Send parts of a keyframe that never ends, all with the same ids."""
    for n in count(1):
        yield keyframe(7, [definition("p", [str(i) for i in range(1000)])], 0, seq=n, part=(n - 1) % 60_000)


def infos(path: str) -> Iterator[Frame]:
    """Tell ever other things of itself."""
    for n in count(1):
        frame = keyframe(n % 500 + 1, [], seq=n)
        frame.info = {f"{i}" + "é" * 250: f"{path}{n}" + "é" * 200 for i in range(16)}
        yield frame


ATTACKS = (series, labels, bounds, one_label_set, families, epochs, parts, infos)


def nodes() -> Iterator[tuple[str, Frame]]:
    """Come from ever new paths, with the longest names that there may be."""
    for n in count(1):
        yield ".".join([f"{n:064d}"] * 15), keyframe(1, [definition("n", ["x"])])


def happenings() -> Iterator[tuple[str, Frame]]:
    """Send events that are large when they are opened, of ever new writers, with a gap each."""
    value: object = [[{} for _ in range(200)] for _ in range(58)]
    for n in count(1):
        yield f"fog.e{n % 5000}", Frame(EVENTS, n, 2 * n, events=(Event("e", value if n % 3 else n, {}, {}, NOW),))


class Peak:
    """The highest resident size while a thread watches."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.002):
            self.bytes = max(self.bytes, process.memory_info().rss)


class Filled:
    """An aggregator's fleet and events, behind its ingest."""

    def __init__(self, mebibytes: int) -> None:
        config, self.division = within_memory(AggregatorConfig(memory=mebibytes * 2**20))
        own = TelemetryCollector(self_metrics=False, reserved_names=True)
        fleet, events = empty_fleet(config, self.division)
        self.network = NetworkCollector(fleet, events, own, lambda: NOW)
        self.memory = MemoryMetrics(self.division, self.network, own)
        self.said: set[str] = set()
        say = lambda _key, text, _error: self.said.add(text)  # noqa: E731
        accounts = Accounts(Subjects(), most=fleet.limits.memory.subjects)
        self._ingest = Ingest(fleet, events, accounts, BranchPatterns(), SelfMetrics(own), say)
        self._sent = 0

    def metrics(self, subject: str, frame: Frame) -> None:
        """Read a frame of the stream of metrics."""
        self._sent += 1
        message = Message(subject, encode(frame), self._sent, int(NOW * 1000))
        with self.network.lock:
            self._ingest.metrics([message], NOW)

    def events(self, subject: str, frame: Frame) -> None:
        """Read a frame of the stream of events."""
        self._sent += 1
        message = Message(subject, encode(frame), self._sent, int(NOW * 1000))
        with self.network.lock:
            self._ingest.events([message])

    def fill(self, seconds: float) -> dict[str, int]:
        """Let all attack in turn for some seconds; return how many frames of each were read."""
        sent: dict[str, int] = {}
        own = [(f"fog.{make.__name__}{n}", make(f"{make.__name__}{n}")) for n in range(ATTACKERS) for make in ATTACKS]
        new_nodes, new_events, began = nodes(), happenings(), time.monotonic()
        while time.monotonic() - began < seconds:
            for path, frames in own:
                self.metrics(f"fog.v1.metrics.{path}", next(frames))
            for _ in range(200):
                path, frame = next(new_nodes)
                self.metrics(f"fog.v1.metrics.{path}", frame)
                path, frame = next(new_events)
                self.events(f"fog.v1.events.{path}", frame)
            sent["rounds"] = sent.get("rounds", 0) + 1
        return sent


def main(mebibytes: int) -> None:
    """Fill it, scrape it, and print the sizes as JSON."""
    filled = Filled(mebibytes)
    known = keyframe(9, [definition("victim_total", ["x"])])
    known.counters = Numbers(pack_ids([1]), pack_ints([5]))
    filled.metrics(VICTIM, known)
    with Peak() as peak:
        rounds = filled.fill(SECONDS)
        after = peak.bytes
        filled.metrics(VICTIM, Frame(DELTA, 9, 2, counters=Numbers(pack_ids([1]), pack_ints([2]))))
        size, shown = 0, False
        for key in (ViewKey(), ViewKey(grouping=Grouping(1)), ViewKey(grouping=Grouping(15))):
            for chunk in negotiate("text/plain").iter(filled.network.collect(*key)):
                size += len(chunk)
                shown = shown or b'victim_total{label="x"} 7' in chunk
    told = {
        "limit": mebibytes * 2**20,
        "beside": filled.division.history + filled.division.past,
        "filled": after,
        "peak": peak.bytes,
        **rounds,
        **filled.memory.status(),
        "answers_at_once": filled.network.answers_at_once(),
        "text": size,
        "victim": shown,
        "named": {".".join(path): share for path, share in filled.network.fleet.take_refused().items()},
        "evicted": filled.network.events.events.evicted.total(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]))
