"""How long a question about the past takes, from the frames in memory on.

    python benchmarks/past.py

A node of 200 series (140 counters, 30 gauges, 30 histograms of 11 buckets) sends every 10 s and a keyframe every hour.
The questions are for all its samples of the last hour and of the last day, and for the totals of 100 such nodes in the
last hour, each with the 70 minutes before, in which keyframes are found. Reading the frames from nats-server comes
before that: some 8 microseconds each. Times are of one thread, best of three.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.past.anchor import constants
from fog_aggregator.past.answer import Answer, make_answer
from fog_aggregator.past.replay import REACH, Question, Replay
from fog_bus.ports import Message
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

START = 1_700_000_000.0
INTERVAL = 10.0
HOUR = 3_600.0
BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]
SUBJECTS = Subjects()


class Node:
    """A program with 200 series, and its writer."""

    def __init__(self, path: Path, epoch: int) -> None:
        self._subject = SUBJECTS.metrics(path)
        self._random = random.Random(epoch)
        collector = TelemetryCollector(self_metrics=False)
        counters = [
            collector.register_counter(f"messages_{number}_total", "Messages", ["kind"]) for number in range(14)
        ]
        self._counters = [counter.labels(str(kind)) for counter in counters for kind in range(10)]
        self._gauges = [collector.register_gauge(f"queue_{number}_size", "Size", rollup="sum") for number in range(30)]
        waits = [collector.register_histogram(f"wait_{number}_seconds", "Waiting", BOUNDS) for number in range(30)]
        self._histograms = waits
        self._writer = Writer([collector.watch_series()], Settings(interval=INTERVAL), epoch=epoch, now=START)

    def frames(self, now: float, *, keyframe: bool) -> list[bytes]:
        """Return what it sends at a moment."""
        draw = self._random
        for counter in self._counters:
            if draw.random() < 0.65:
                counter.increment(draw.randint(1, 200))
        for gauge in self._gauges:
            gauge.set(draw.randint(0, 100))
        for histogram in self._histograms:
            histogram.observe(draw.choice(BOUNDS))
        writer = self._writer
        writer.keyframe_due |= keyframe
        if not writer.keyframe_due:
            frame = writer.encode_delta(now, 1_000_000)
            return [frame.data] if frame is not None else []
        found: list[bytes] = []
        while not found or writer.within_keyframe:
            found.append(writer.encode_part(now, 1_000_000).data)
        return found

    def messages(self, now: float, step: int, epoch: int) -> list[Message]:
        """Return the same as a stream has it."""
        due = (step + epoch * 7) % 360 == 0
        return [Message(self._subject, data, 0, round(now * 1e9)) for data in self.frames(now, keyframe=due)]


def stream(paths: Sequence[Path], seconds: float) -> list[Message]:
    """Return the frames of some nodes for so long."""
    nodes = [Node(path, epoch) for epoch, path in enumerate(paths, 1)]
    found = []
    for step in range(int(seconds / INTERVAL)):
        for epoch, node in enumerate(nodes, 1):
            found += node.messages(START + step * INTERVAL + epoch / 100, step, epoch)
    return found


def ask(question: Question, messages: Sequence[Message]) -> Answer:
    """Answer a question, as the service does in its threads."""
    replay = Replay(question, SUBJECTS)
    for begin in range(0, len(messages), 1000):
        replay.take(messages[begin : begin + 1000])
    replay.finish(messages[-1].timestamp)
    totals = replay.totals()
    return make_answer(replay, constants(totals, frozenset(totals.values), totals), (), own=question.own)


def timed(title: str, question: Question, messages: Sequence[Message]) -> None:
    """Print how long a question takes."""
    best, answer = float("inf"), None
    for _ in range(3):
        begin = time.perf_counter()
        answer = ask(question, messages)
        best = min(best, time.perf_counter() - begin)
    assert answer is not None
    rows, columns = answer.values.shape
    print(
        f"{title:30} {len(messages):7,} frames {sum(len(one.data) for one in messages) / 1e6:6.1f} MB "
        f"{rows:5,} x {columns:5,} samples {answer.bytes / 1e6:6.1f} MB {1000 * best:7.0f} ms "
        f"{1e6 * best / len(messages):5.0f} us a frame"
    )


def main() -> None:
    """Print the table."""
    node = ("fog", "0", "3")
    for title, span in (("a node, an hour", HOUR), ("a node, a day", 24 * HOUR)):
        messages = stream([node], span + REACH)
        timed(title, Question(node, own=True, start=START + REACH, most=100_000_000), messages)
    paths = [("fog", "0", str(number)) for number in range(100)]
    messages = stream(paths, HOUR + REACH)
    timed("100 nodes, an hour, totals", Question(node[:2], own=False, start=START + REACH, most=100_000_000), messages)


if __name__ == "__main__":
    main()
