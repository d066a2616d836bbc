"""Hold one epoch of a place, as far as it was read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Generic, TypeVar

from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.families.words import Profile
from fog_aggregator.core.kinds import Kind, SlotHolder
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.places.rows import NO_ROW, STALE_INTERVALS, EpochColumns
from fog_aggregator.kernels.layout import BIRTH, LAST_SEEN, LAST_SEQ, OBSERVED, USUAL
from fog_schema.frames import KEYFRAME, Frame

N = TypeVar("N", int, float)


@dataclass(slots=True)
class KeyframeRun:
    """Parts of a keyframe that came without a break.

    Attributes:
        next_part: the number of the part that must be next.
        ids: the ids so far, by kind.
        profile: in which words families were described so far; None when that is not known.
    """

    next_part: int = 0
    ids: list[tuple[Kind, Int64s]] = field(default_factory=list)
    profile: Profile | None = ()


class Moved(Generic[N]):
    """A field of an epoch that is in its row of `EpochColumns`, as kernels move it too.

    Args:
        columns: which of the arrays.
        column: which of its columns.
    """

    def __init__(self, columns: str, column: int) -> None:
        self._array = attrgetter(f"columns.{columns}")
        self._column = column

    def __get__(self, epoch: EpochRow, cls: type[EpochRow]) -> N:
        value: N = self._array(epoch).item(epoch.row, self._column)
        return value

    def __set__(self, epoch: EpochRow, value: N) -> None:
        self._array(epoch)[epoch.row, self._column] = value


@dataclass(slots=True, eq=False)
class EpochRow(SlotHolder):
    """The part of an epoch that is in arrays, as each frame moves it.

    Attributes:
        id: its number, drawn by its writer.
        columns: where its row is.
        row: which; `NO_ROW` once it was closed.
        birth: server's time of a frame less the epoch's age in it, the earliest seen, seconds.
        usual: the same difference as its frames have it when nothing holds them up, seconds.
        last_seen: server's time of its last frame.
        observed: the fleet's observed time at its last frame.
    """

    id: int
    columns: EpochColumns = field(repr=False)

    birth = Moved[float]("times", BIRTH)
    usual = Moved[float]("times", USUAL)
    last_seen = Moved[float]("times", LAST_SEEN)
    observed = Moved[float]("times", OBSERVED)

    def __post_init__(self) -> None:
        """Begin with nothing heard."""
        self.columns.begin(self.row, self.id)

    def withdraw(self) -> None:
        """Let no kernel move it as it was."""
        self.columns.withdraw(self.row)

    def let_go(self) -> int:
        """Give its row back, and return which it was: nothing in arrays is its own any more."""
        row, self.row = self.row, NO_ROW
        self.columns.end(row)
        return row

    def see(self, timestamp: float, age_ms: int, interval: float, observed: float) -> bool:
        """Take note of when a frame came, and of the age that it tells; return whether it came late.

        It is late when it was held up for more than 3 intervals. Frames that come one an interval are no burst, however
        old they are: clocks drift, and one that slept stays behind. So what is usual goes after them.
        """
        earliest, usual, last_seen, _ = self.columns.times[self.row].tolist()
        birth, is_late = timestamp - age_ms / 1000, False
        if birth < earliest:
            earliest = max(birth, 0.0)
        if birth <= usual:
            usual = birth
        else:
            lag = birth - usual
            if interval / 2 < timestamp - last_seen < 2 * interval:
                usual += lag / 8
            is_late = lag > STALE_INTERVALS * interval
        self.columns.times[self.row] = earliest, usual, max(last_seen, timestamp), observed
        return is_late

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock."""
        self.birth += seconds
        self.usual += seconds
        self.last_seen += seconds


@dataclass(slots=True, eq=False)
class Epoch(EpochRow):
    """One run of one writer at a path, as far as it was read.

    Attributes:
        seq: the last frame's number; nothing at or below it changes anything.
        shared: its writer says that others write at the same path.
        gapped: a frame is missing, or it was never complete: a keyframe is wanted.
        returning: it was closed without its final: its next keyframe is a baseline.
        run: how far the keyframe under way has come.
        gaps: how many gaps there were.
        keyframes: how many keyframes were complete.
    """

    shared: bool = False
    gapped: bool = True
    returning: bool = False
    run: KeyframeRun | None = None
    gaps: int = 0
    keyframes: int = 0

    seq = Moved[int]("integers", LAST_SEQ)

    def need_keyframe(self) -> None:
        """Take note that frames are missing, or may be."""
        self.gapped = True
        self.withdraw()

    def number(self, frame: Frame, outcome: Outcome) -> None:
        """Take the frame's number: a hole before it is a gap (R12.2), and breaks a keyframe's run of parts (R12.9)."""
        outcome.missing = frame.seq - self.seq - 1
        if outcome.missing:
            self.gapped = True
            self.gaps += 1
        if outcome.missing or frame.kind != KEYFRAME or (self.run and self.run.next_part != frame.part):
            self.run = None
        if frame.kind == KEYFRAME and frame.part == 0:
            self.run = KeyframeRun()
        self.seq = frame.seq


def restored(row: int, number: int, columns: EpochColumns, known: Mapping[str, Any]) -> Epoch:
    """Return an epoch with what is known of it: values of fields by name."""
    epoch = Epoch(row, number, columns)
    for name, value in known.items():
        setattr(epoch, name, value)
    return epoch
