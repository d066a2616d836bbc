"""End the epochs of a dead process, in its name, from what its journal has (SPEC.md, R11.34 to R11.37). Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fog_agent.core.epoch_series import EpochSeries
from fog_agent.core.series_register import is_too_large, type_order
from fog_agent.core.writer import Encoded, Settings, Writer
from fog_schema.errors import PathError
from fog_schema.paths import Path, format_path, parse_path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry.journal.layout import ACKNOWLEDGED, FINAL_SENT, SEQ, JournalError
from utilityfog_frontend.telemetry.journal.reading import LeftEpoch, LeftSeries
from utilityfog_frontend.telemetry.model import Family, Labels, Value

FINAL_AGE: Final = 3 * 86_400.0
"""Seconds since the first final of a dead process's epoch was sent, after which none is sent again.

An aggregator remembers an ended epoch for a horizon, which is at least twice the streams' max_age, and by default 7
days. A final that comes again after that would count twice.
"""
EPOCH_AGE: Final = 180 * 86_400.0
"""Seconds since the last frame of a dead process's epoch, after which it is not ended.

An aggregator remembers an epoch that it closed in silence for a year.
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where and how the counts of a process are published.

    Attributes:
        path: its place in the tree.
        prefix: what its subjects begin with.
        settings: what its frames say of it.

    Raises:
        PathError: the prefix cannot be one.
    """

    path: Path
    prefix: str
    settings: Settings

    def __post_init__(self) -> None:
        Subjects(self.prefix)

    @property
    def subject(self) -> str:
        """The subject of its frames."""
        return Subjects(self.prefix).metrics(self.path)

    def to_text(self) -> dict[str, Any]:
        """Return it as plain values, for a journal."""
        return {
            "path": format_path(self.path),
            "prefix": self.prefix,
            "interval": self.settings.interval,
            "shared": self.settings.shared,
            "ephemeral": self.settings.ephemeral,
            "info": [list(pair) for pair in self.settings.info],
        }

    @classmethod
    def of_text(cls, text: Mapping[str, Any]) -> Address:
        """Read what `to_text` has written.

        Raises:
            JournalError: it is something else.
        """
        try:
            info = tuple([(str(name), str(value)) for name, value in text["info"]])
            settings = Settings(float(text["interval"]), bool(text["shared"]), bool(text["ephemeral"]), info)
            address = cls(parse_path(text["path"]), str(text["prefix"]), settings)
        except (KeyError, TypeError, ValueError, PathError) as error:
            raise JournalError("torn", f"a journal says of its publication {text!r}: {error!r}") from error
        return address


def is_expired(epoch: LeftEpoch, now: float) -> bool:
    """Tell whether an aggregator may have forgotten that the epoch was closed, at `now` in unix seconds (R11.37)."""
    ages = ((epoch.final_sent, FINAL_AGE), (epoch.last_sent, EPOCH_AGE))
    return any(since is not None and now - since > limit for since, limit in ages)


def noted(epoch: LeftEpoch, frames: Sequence[Encoded], now: float) -> dict[int, bytes]:
    """Return what the journal must say before these frames of a final are sent: bytes by the cell where they begin."""
    return {
        epoch.place + SEQ: struct.pack("=q", frames[-1].seq),
        epoch.place + FINAL_SENT: struct.pack("=d", epoch.final_sent or now),
    }


def acknowledged(epoch: LeftEpoch) -> dict[int, bytes]:
    """Return what the journal must say when all of the final is in the stream."""
    return {epoch.place + ACKNOWLEDGED: struct.pack("=q", 1)}


def encode_final(epoch: LeftEpoch, settings: Settings, now: float, max_bytes: int) -> list[Encoded]:
    """Encode the final keyframe of an epoch: all its process had counted, above every seq that it may have used.

    Args:
        epoch: what is left of it.
        settings: what its frames say.
        now: unix seconds.
        max_bytes: how long a frame may be.

    Raises:
        ValueError: `max_bytes` does not even leave room for one series.
    """
    writer = Writer((), settings, epoch=epoch.epoch, now=epoch.birth)
    sources = [_Left(series) for series in epoch.series]
    removed = [source for source in sources if source.removed]
    writer.adopt(epoch.seq, _numbered(sources, epoch.next_id), removed)
    return writer.finish(now, max_bytes)


def _numbered(sources: Sequence[_Left], next_id: int) -> list[EpochSeries]:
    """Give ids that nobody has used to series that have none; the same ones to the same series, whoever does it."""
    numbered = [EpochSeries(source.id, source) for source in sources if source.id is not None]
    newcomers = [source for source in sources if source.id is None and not is_too_large(source)]
    first = max([next_id, *(series.id + 1 for series in numbered)])
    ordered = sorted(newcomers, key=type_order)
    return numbered + [EpochSeries(id_, source) for id_, source in enumerate(ordered, first)]


class _Left:
    """A series of a dead process, as a writer reads one."""

    gate = None

    def __init__(self, series: LeftSeries) -> None:
        self.family: Family = series.family
        self.labels: Labels = series.labels
        self.id = series.id
        self.removed = series.removed
        self._value = series.value

    def read(self) -> Value:
        """Return what it had counted."""
        return self._value

    peek = read
