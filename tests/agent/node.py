"""A program with a writer and a reader of what it encodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from fog_agent.core.writer import Encoded, Settings, Writer
from fog_schema.codec import decode, decode_definitions
from fog_schema.frames import Frame
from tests.agent.reader import Reader
from utilityfog_frontend.telemetry import TelemetryCollector

BIG = 1_000_000
SMALL = 600


@dataclass
class Node:
    """A program's collector with its writer, and a reader of all that it encodes, but for what is lost."""

    collector: TelemetryCollector = field(default_factory=lambda: TelemetryCollector(self_metrics=False))
    settings: Settings = field(default_factory=Settings)
    reader: Reader = field(default_factory=Reader)
    now: float = 100.0

    def __post_init__(self) -> None:
        self.watch = self.collector.watch_series()
        self.writer = Writer([self.watch], self.settings, epoch=7, now=self.now)

    def due(self) -> bool:
        """Whether a keyframe is due."""
        return self.writer.keyframe_due

    def refuses(self) -> bool:
        """Whether newcomers are refused."""
        return self.watch.refuse_newcomers

    def delta(self, max_bytes: int = BIG, *, lost: bool = False) -> Frame:
        """Encode a delta, which the reader gets unless it is lost."""
        encoded = self.writer.encode_delta(self.now, max_bytes)
        assert encoded is not None
        if not lost:
            self.reader.read(encoded.data)
        return decode(encoded.data)

    def parts(self, max_bytes: int = BIG) -> list[Encoded]:
        """Encode a keyframe."""
        parts = [self.writer.encode_part(self.now, max_bytes)]
        while self.writer.within_keyframe:
            parts.append(self.writer.encode_part(self.now, max_bytes))
        return parts

    def keyframe(self, max_bytes: int = BIG, *, acknowledged: bool = True) -> list[Frame]:
        """Encode a keyframe, which the reader gets, and the stream acknowledges."""
        parts = self.parts(max_bytes)
        self.reader.read(*(part.data for part in parts))
        for part in parts if acknowledged else ():
            self.writer.acknowledged(part, self.now)
        return [decode(part.data) for part in parts]

    def next_epoch(self) -> None:
        """Go on with the next agent's writer, after a final, and with a reader of its own."""
        self.writer = Writer([self.watch], self.settings, epoch=8, now=self.now, origins=self.writer.origins())
        self.reader = Reader()


def defined(frame: Frame) -> dict[int, str]:
    """Ids that a frame defines, with the family's name and the label values."""
    return {
        number: definition.name + "".join(f",{value}" for _, value in labels)
        for definition in decode_definitions(frame.definitions)
        for number, labels in definition.series()
    }


def removed(frame: Frame) -> list[int]:
    """Ids that a frame says were removed."""
    return frame.removed.tolist() if frame.removed else []
