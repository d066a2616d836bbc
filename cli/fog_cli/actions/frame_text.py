"""Frames for a person: each as a heading and one line for each thing it says. Pure, but for what it remembers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice

from fog_bus.options.kinds import show_duration
from fog_cli.terminal import Paint, show_coverage, show_labels, show_time
from fog_cli.words.text import printable
from fog_schema.codec import decode, decode_request
from fog_schema.commands import COMMAND_NAMES, OPERATORS, Command, decode_command
from fog_schema.definitions import definitions_of
from fog_schema.errors import FrameError
from fog_schema.frames import (
    DELTA,
    FLAG_NAMES,
    KIND_NAMES,
    SEVERAL_WRITERS,
    Absences,
    CoverageNumbers,
    Definition,
    Event,
    Exponentials,
    Frame,
    Histograms,
    Lasts,
    Numbers,
    Summaries,
    ValueCounts,
)
from fog_schema.limits import MAX_TIMESTAMP


class FrameText:
    """Writes the frames of one path, and remembers by epoch what ids mean: a delta alone says only numbers."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Definition, str]] = {}

    def lines(self, data: bytes) -> Iterator[str]:
        """Yield the lines for one message: a frame, a request or a command.

        Raises:
            FrameError: when it is none of them.
        """
        try:
            frame = decode(data)
        except FrameError as error:
            if error.reason != "not_a_frame":
                raise
            yield from _other(data)
            return
        yield _heading(frame, len(data))
        for definition in definitions_of(frame):
            for number, labels in definition.series():
                self._known[frame.epoch, number] = definition, show_labels(dict(labels))
        yield from self._body(frame)

    def _body(self, frame: Frame) -> Iterator[str]:
        if frame.info:
            yield "  info " + printable(" ".join(f"{key}={value}" for key, value in frame.info.items()))
        if frame.events_held:
            yield f"  holds events {frame.events_held[0]} to {frame.events_held[1]}"
        if frame.coverage:
            yield f"  stands on {_coverage(frame.coverage, frame.absences or Absences())}"
        sign = "+" if frame.kind == DELTA else "= "
        yield from self._numbers(frame, frame.counters, "counter", sign)
        yield from self._numbers(frame, frame.fractions, "counter", "= ")
        yield from self._numbers(frame, frame.gauges, "gauge", "= ")
        for group in frame.histograms:
            yield from self._histograms(frame, group, sign)
        if frame.exponentials:
            yield from self._exponentials(frame, frame.exponentials, sign)
        yield from self._merged(frame)
        if frame.removed:
            yield from (f"  removed {self._name(frame, number)}" for number in frame.removed.tolist())
        for number, event in enumerate(frame.events, frame.seq):
            yield f"  event {number} {_event(event)}"

    def _numbers(self, frame: Frame, numbers: Numbers | None, kind: str, sign: str) -> Iterator[str]:
        if numbers:
            for number, value in zip(numbers.ids.tolist(), numbers.values.tolist(), strict=True):
                yield f"  {kind} {self._name(frame, number)} {sign}{_number(value)}"

    def _histograms(self, frame: Frame, group: Histograms, sign: str) -> Iterator[str]:
        counts = group.counts.tolist()
        for row, (number, total) in enumerate(zip(group.ids.tolist(), group.sums.tolist(), strict=True)):
            mine = counts[row * group.width : (row + 1) * group.width]
            known = self._known.get((frame.epoch, number))
            bounds = [f"{bound:g}" for bound in known[0].bounds] if known else ["?"] * (group.width - 1)
            buckets = " ".join(
                f"≤{bound}:{count}" for bound, count in zip([*bounds, "Inf"], mine, strict=True) if count
            )
            name = self._name(frame, number)
            yield f"  histogram {name} {sign}{sum(mine)}, sum = {_number(total)} {buckets}".rstrip()

    def _exponentials(self, frame: Frame, found: Exponentials, sign: str) -> Iterator[str]:
        lengths, counts = map(int, found.lengths.tolist()), iter(found.counts.tolist())
        columns = (found.ids, found.schemas, found.zeros, found.sums)
        for number, schema, zero, total in zip(*(column.tolist() for column in columns), strict=True):
            above, below = (sum(islice(counts, next(lengths))) for _ in ("above", "below"))
            name = self._name(frame, int(number))
            yield (
                f"  histogram {name} {sign}{zero + above + below}, sum = {_number(total)} "
                f"schema {schema}: {below} below zero, {zero} at zero, {above} above"
            )

    def _merged(self, frame: Frame) -> Iterator[str]:
        if frame.summaries:
            yield from self._summaries(frame, frame.summaries)
        if frame.lasts:
            yield from self._lasts(frame, frame.lasts)
        if frame.value_counts:
            yield from self._value_counts(frame, frame.value_counts)

    def _summaries(self, frame: Frame, summaries: Summaries) -> Iterator[str]:
        ids, *columns = summaries
        for number, count, *row in zip(ids.tolist(), *(column.tolist() for column in columns), strict=True):
            total, low, high = map(_number, row)
            name = self._name(frame, number)
            yield f"  gauge {name} of {_nodes(count)}: sum = {total}, min = {low}, max = {high}"

    def _lasts(self, frame: Frame, lasts: Lasts) -> Iterator[str]:
        ids, values, times = lasts
        for number, value, time in zip(ids.tolist(), values.tolist(), times.tolist(), strict=True):
            yield f"  gauge {self._name(frame, number)} last = {_number(value)}, heard {_time(time)}"

    def _value_counts(self, frame: Frame, counted: ValueCounts) -> Iterator[str]:
        ids, lengths, values, counts = counted
        pairs = zip(values.tolist(), counts.tolist(), strict=True)
        for number, length in zip(ids.tolist(), lengths.tolist(), strict=True):
            texts = [f"{_number(value)} on {_nodes(count)}" for value, count in islice(pairs, int(length))]
            yield f"  gauge {self._name(frame, number)} is {', '.join(texts) or 'nothing'}"

    def _name(self, frame: Frame, number: int) -> str:
        known = self._known.get((frame.epoch, number))
        return f"#{number} {known[0].name}{known[1]}" if known else f"#{number}"


def _other(data: bytes) -> Iterator[str]:
    """Yield the lines of a message that is no frame."""
    try:
        request = decode_request(data)
    except FrameError:
        yield from _command(decode_command(data))
        return
    which = f" of epoch {request.epoch:016x}, its events {request.first_event} to {request.last_event}"
    yield "request for keyframes" + (which if request.epoch else "")
    if request.notices & SEVERAL_WRITERS:
        yield "  tells it that others write at its path, and none says so"


def _command(command: Command) -> Iterator[str]:
    yield printable(f"command {COMMAND_NAMES[command.command]} {command.id}".rstrip())
    for operator, name, value in command.matchers:
        yield "  matches " + printable(f"{name}{OPERATORS[operator]}{json.dumps(value, ensure_ascii=False)}")
    if command.ends_at or command.duration:
        begins = show_time(command.starts_at / 1000) if command.starts_at else "when it is stored"
        lasts = f"for {show_duration(command.duration / 1000)}" if command.duration else ""
        yield f"  from {begins} {lasts or f'until {show_time(command.ends_at / 1000)}'}"
    for what in ("author", "comment"):
        if text := getattr(command, what):
            yield f"  {what} {printable(text)}"
    if command.unknown_fields:
        yield f"  {command.unknown_fields} unknown fields"


def _heading(frame: Frame, size: int) -> str:
    parts = [KIND_NAMES[frame.kind], f"{frame.seq}"]
    if frame.part:
        parts.append(f"part {frame.part}")
    parts += [name for flag, name in FLAG_NAMES.items() if frame.flags & flag]
    parts += [f"epoch {frame.epoch:016x}", f"age {frame.age_ms / 1000:g}s"]
    parts += [f"every {show_duration(frame.interval_ms / 1000)}", f"{size} bytes"]
    if frame.unknown_fields:
        parts.append(f"{frame.unknown_fields} unknown fields")
    return ", ".join(parts)


def _coverage(coverage: CoverageNumbers, absences: Absences) -> str:
    states = {"live": coverage.live, "stale": coverage.stale, "departed": coverage.departed, **absences._asdict()}
    return f"{show_coverage(states, Paint(environ={'NO_COLOR': '1'}))}, oldest frame {coverage.oldest_ms / 1000:g}s ago"


def _nodes(count: float) -> str:
    return f"{count} node{'' if count == 1 else 's'}"


def _time(unix: float) -> str:
    """Return a time that the codec does not check: as it is when there is no such day."""
    return show_time(unix) if 0 <= unix <= MAX_TIMESTAMP else f"at {unix!r}"


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _event(event: Event) -> str:
    parts = [show_time(event.timestamp), printable(event.name), json.dumps(event.value, default=repr)]
    parts += [json.dumps(extra, default=repr) for extra in (event.labels, event.metadata) if extra]
    return " ".join(parts)
