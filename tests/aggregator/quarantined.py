"""A fog whose messages are written by hand, with an operator who takes paths out of it."""

from __future__ import annotations

from typing import Any

from fog_aggregator.query.selection import Grouping, Selection
from fog_bus.ports import Message
from fog_schema.codec import encode, encode_definitions
from fog_schema.columns import pack_floats, pack_ids, pack_ints
from fog_schema.commands import LIFT, QUARANTINE, Command, encode_command
from fog_schema.frames import COUNTER, DELTA, FINAL, GAUGE, KEYFRAME, LAST_PART, Definition, Frame, Numbers
from fog_schema.paths import Path, parse_path
from tests.aggregator.test_commands import NOON, Reading


def _define(name: str, type_: int, number: int) -> Definition:
    return Definition(
        name=name,
        type=type_,
        help="",
        unit="",
        bounds=(),
        rollup=("sum",) if type_ == GAUGE else (),
        label_names=(),
        ids=pack_ids([number]),
        label_values=(),
    )


DEFINED = encode_definitions(
    [_define("orders_total", COUNTER, 0), _define("joules_total", COUNTER, 1), _define("load", GAUGE, 2)]
)


class Fog:
    """An engine whose messages are written by hand, with the time at which the server has stored each."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.engine = self.reading.engine
        for stream in "MEC":
            self.reading.begin(stream)
        self._seq = dict.fromkeys("MEC", 0)
        self._beats, self.now, self.pending = 0, 0.0, 0
        self.effects = self.engine.tick(0.0)

    def hear(self, stream: str, subject: str, data: bytes, at: float) -> None:
        """Read one message that was stored at a time."""
        self._seq[stream] += 1
        self.now = max(self.now, at)
        self.engine.on_batch(
            stream, [Message(subject, data, self._seq[stream], int((NOON + at) * 1e9))], self.now, self.pending
        )

    def frame(
        self, path: str, seq: int, at: float, count: int, *, delta: bool = False, epoch: int = 7, final: bool = False
    ) -> None:
        """Read a keyframe, or a delta, of a counter, a fractional counter of half of it, and a gauge."""
        body: dict[str, Any] = {"counters": Numbers(pack_ids([0]), pack_ints([count]))}
        if not delta:
            body["definitions"] = DEFINED
            body["fractions"] = Numbers(pack_ids([1]), pack_floats([count / 2]))
            body["gauges"] = Numbers(pack_ids([2]), pack_floats([1.0]))
        flags = 0 if delta else LAST_PART | (FINAL if final else 0)
        frame = Frame(DELTA if delta else KEYFRAME, epoch, seq, flags=flags, **body)
        self.hear("M", f"fog.v1.metrics.{path.replace('/', '.')}", encode(frame), at)

    def say(self, command: int, path: str, at: float, why: str = "lies") -> None:
        """Read an operator's command."""
        comment = why if command == QUARANTINE else ""
        data = encode_command(Command(command, author="jo", comment=comment))
        self.hear("C", f"fog.v1.control.{path.replace('/', '.')}", data, at)

    def quarantine(self, path: str, at: float, why: str = "lies") -> None:
        """Take a path out, and let it come into force."""
        self.say(QUARANTINE, path, at, why)
        self.pass_to(at + 1)

    def lift(self, path: str, at: float) -> None:
        """Take a path in again."""
        self.say(LIFT, path, at)
        self.pass_to(at + 1)

    def pass_to(self, at: float) -> None:
        """Let the streams be read to their end at a moment, and tick."""
        self._beats += 1
        first = self._beats == 1
        beat = Frame(KEYFRAME if first else DELTA, 99, self._beats, flags=LAST_PART if first else 0)
        self.hear("M", "fog.v1.metrics.fog.clock", encode(beat), at)
        self.effects = self.engine.tick(self.now)

    def value(self, name: str = "orders_total", path: str = "", *, own: bool = False, level: int | None = None) -> Any:
        """Return what is shown of a metric at and under a path, or at a node, or by the groups of a level."""
        under = parse_path(path) if path else ()
        view = self.reading_network.view(Selection(under, own=own), Grouping(level), at=NOON + 1e6)
        found = [one for one in view.metrics if one.family.name == name]
        values = {dict(one.labels).get("fog_path", ""): one.value for family in found for one in family.series}
        return values if level is not None else values.get("")

    @property
    def reading_network(self) -> Any:
        """The read side."""
        return self.engine._around.read_side  # noqa: SLF001 - the test's engine has no other way to it

    def wanted(self) -> list[Path]:
        """Return the paths whose writers are asked for something."""
        return [one.path for one in self.engine.wanted(self.now)]
