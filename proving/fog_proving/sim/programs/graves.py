"""Journals of programs, in memory, and how somebody else ends the epochs of those that were killed."""

from __future__ import annotations

from collections.abc import Callable

from fog_agent.core.frame_size import FrameSize
from fog_agent.core.journal.recovery import acknowledged, encode_final, is_expired, noted
from fog_agent.core.writer import Encoded, Settings
from fog_bus.ports import Outcome, Publish, Refusal
from fog_proving.sim.bus import Stage
from fog_schema.limits import PAYLOAD_MARGIN
from utilityfog_frontend.telemetry.journal.journal import Journal
from utilityfog_frontend.telemetry.journal.layout import CELL, HEADER_BYTES
from utilityfog_frontend.telemetry.journal.live import LiveJournal
from utilityfog_frontend.telemetry.journal.reading import read


class Grave:
    """The journal of one program, where a file would be; once it is killed, somebody ends its epochs in its name.

    Attributes:
        journal: what its collector and its agent write to.
    """

    def __init__(self, stage: Stage) -> None:
        self._live: LiveJournal | None = None
        self._image = bytearray()
        self._size = FrameSize()
        self.journal = Journal(self._open, stage.clock, stage.draw_epoch)

    def kill(self) -> None:
        """Keep what a kill leaves at this moment."""
        if self._live is not None:
            self._image, self._live = bytearray(self._live.image()), None

    def end(
        self,
        now: float,
        settings: Settings,
        max_bytes: int,
        send: Callable[[int, Encoded], Publish],
        expired: Callable[[int], object],
    ) -> bool:
        """End all that is left, if it was killed, as `fog_agent.edge.recovery.Recovery` does; tell whether all is done.

        Args:
            now: the time, seconds.
            settings: what its frames say of it.
            max_bytes: how long a frame may be, as the server tells.
            send: publishes a frame of an epoch once.
            expired: is told the epochs that are not ended any more.
        """
        self._size.server_takes(max_bytes + PAYLOAD_MARGIN)
        for epoch in read(bytes(self._image)).epochs if self._image else ():
            if is_expired(epoch, now):
                expired(epoch.epoch)
                continue
            try:
                frames = encode_final(epoch, settings, now, self._size.max_bytes)
            except ValueError:
                if self._size.forget():  # a stream takes less than one series needs, for now
                    return False
                raise
            self._write(noted(epoch, frames, now))
            if not all(self._is_taken(frame, send(epoch.epoch, frame)) for frame in frames):
                return False
            self._write(acknowledged(epoch))
        return True

    def _is_taken(self, frame: Encoded, answer: Publish) -> bool:
        if answer.refusal is Refusal.TOO_LARGE:
            self._size.refused(len(frame.data))
        return answer.outcome is Outcome.ACKED

    def _open(self, epoch: int, now: float) -> LiveJournal:
        self._live = LiveJournal(bytearray(HEADER_BYTES), bytearray, {}, epoch=epoch, now=now)
        return self._live

    def _write(self, cells: dict[int, bytes]) -> None:
        for cell, data in cells.items():
            self._image[cell * CELL : cell * CELL + len(data)] = data
