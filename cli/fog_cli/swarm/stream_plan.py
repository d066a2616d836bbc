"""Plan the streams of a fleet, from frames that are really encoded: `fog streams plan`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_agent.core.schedule import KEYFRAME_SECONDS
from fog_bus.options.kinds import show_duration
from fog_bus.streams import StreamSettings, metrics_stream
from fog_cli.commands.streams import Plan, Wishes
from fog_cli.errors import UsageError
from fog_cli.swarm.families import MOST_SERIES, Families
from fog_cli.swarm.plan import tree_path
from fog_cli.swarm.writers import Chances, Writer, Writers
from fog_schema.subjects import Subjects

BRANCHING: Final = 16
RECORD_BYTES: Final = 30
"""Bytes that nats-server's file store adds to a message and its subject: lengths, sequence, time, checksum."""
WARM_UP: Final = 3
"""Intervals after which a node's deltas are of their usual size."""
ROOM: Final = 1.25
"""So much larger than needed a stream is made: keyframes are asked for, and some blocks are partly empty."""
_LONG: Final = 600.0
"""Seconds from which on a duration is told in minutes."""
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of a node's frames as a stream stores them, bytes.

    Attributes:
        delta: Of a delta.
        keyframe: Of a keyframe.
    """

    delta: int
    keyframe: int


def stored_sizes(plan: Plan, subjects: Subjects) -> Sizes:
    """Encode a node's frames, and return what a stream stores of each."""
    writers = Writers(Families(plan.series), 1, plan.interval, Chances(), np.random.default_rng(0))
    path = tree_path(("fog",), plan.nodes - 1, BRANCHING)
    node = Writer(path, 0, subjects.metrics(path))
    writers.begin(node, 0.0)
    frames = []
    for at in range(1 + WARM_UP):
        [(_, frame)] = writers.interval([node], at * plan.interval)
        writers.acknowledged(node)
        frames.append(len(frame) + len(node.subject) + RECORD_BYTES)
    return Sizes(frames[-1], frames[0])


def print_plan(plan: Plan, wishes: Wishes, subjects: Subjects) -> None:
    """Print what the streams of such a fleet need.

    Raises:
        UsageError: for a fleet that cannot be.
    """
    if plan.nodes < 1 or not 1 <= plan.series <= MOST_SERIES:
        raise UsageError(f"--nodes must be 1 or more, and --series 1 to {MOST_SERIES:,}")
    given = {name: getattr(wishes, name) for name in ("max_age", "replicas", "max_bytes")}
    stream = metrics_stream(subjects, **{name: value for name, value in given.items() if value is not None})
    for line in _lines(plan, stored_sizes(plan, subjects), stream, sized=wishes.max_bytes is not None):
        print(line)


def _lines(plan: Plan, sizes: Sizes, stream: StreamSettings, *, sized: bool) -> Iterator[str]:
    frames = plan.nodes / plan.interval
    rate = frames * sizes.delta + plan.nodes * sizes.keyframe / KEYFRAME_SECONDS
    yield (
        f"{plan.nodes:,} nodes x {plan.series:,} series each {show_duration(plan.interval)}: {frames:,.0f} frames/s,"
        f" {plan.nodes * plan.series / plan.interval:,.0f} values/s"
    )
    yield (
        f"stored: {sizes.delta:,} bytes a frame, {sizes.keyframe:,} a keyframe (one an hour), {_size(rate)}/s,"
        f" {_size(rate * 86400)} a day"
    )
    copies = f", and the same on each of {stream.replicas} servers" if stream.replicas > 1 else ""
    if sized and stream.max_bytes is not None:
        retained = min(stream.max_bytes / rate, stream.max_age)
        step = 60 if retained >= _LONG else 1
        time = show_duration(int(retained / step) * step)
        yield f"{stream.name}: {_size(stream.max_bytes)} keeps {time}{copies}"
    else:
        need = math.ceil(rate * stream.max_age * ROOM / 2**30)
        yield f"{stream.name}: {need:,} GiB for {show_duration(stream.max_age)}{copies}: --max-bytes {need}GiB"
    yield (
        f"all keyframes at once (an aggregator that begins anew): {_size(plan.nodes * sizes.keyframe)}, answered within"
        f" {show_duration(min(plan.interval, 10.0))}"
    )
    yield "a fifth of the series are gauges, 65 % of the counters change in an interval; other fleets differ: measure"


def _size(count: float) -> str:
    """Write a number of bytes in the largest unit that fits into it."""
    power = min(len(_UNITS) - 1, int(math.log(max(count, 1.0), 1024)))
    return f"{count / 1024**power:,.{1 if power else 0}f} {_UNITS[power]}"
