"""End the epochs of dead processes: what they had counted is in their journals, in a directory that all share."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from fog_agent.core.frame_size import FrameSize
from fog_agent.core.journal.recovery import Address, acknowledged, encode_final, is_expired, noted
from fog_agent.core.publication import Metrics
from fog_agent.core.writer import MIN_FRAME_BYTES
from fog_agent.edge.driving.channel import ACK_SECONDS
from fog_agent.edge.selfmetrics import RecoveryMetrics, SelfMetrics
from fog_bus.off_loop import off_loop
from fog_bus.ports import Bus, Outcome, Refusal
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.journal.files import LeftFile, claim_of, left_files
from utilityfog_frontend.telemetry.journal.layout import (
    AT_PUBLICATION,
    CELL,
    PUBLICATIONS,
    JournalError,
    pack_text,
)
from utilityfog_frontend.telemetry.journal.reading import Left, LeftEpoch, read

SWEEP_SECONDS: Final = 10.0
"""How often an agent looks for journals whose processes are dead."""

log = logging.getLogger("fog_agent")


def journals_of(directory: str | os.PathLike[str] | None, collector: TelemetryCollector) -> Path | None:
    """Return where journals are looked for: in a directory, or in that of the collector's journal, if it has one."""
    if not directory and collector.journal is not None:
        directory = collector.journal.directory
    return Path(directory) if directory else None


class Recovery:
    """Look into a directory of journals, and end the epochs of those whose processes are dead.

    Args:
        directory: where the journals are; it need not be there yet.
        bus: to where the frames go.
        own: the path and settings under which an epoch is ended that was never published.
    """

    def __init__(self, directory: Path, bus: Bus, own: Address) -> None:
        self._directory = directory
        self._bus = bus
        self._own = own
        self._metrics: RecoveryMetrics | None = None
        self._size = FrameSize()
        self._swept = asyncio.Event()
        self._reported: dict[Path, str] = {}

    async def run(self, metrics: Metrics) -> None:
        """Look at once, and then now and again, until cancelled; count what was done beside a publication's metrics."""
        self._metrics = metrics.recovery if isinstance(metrics, SelfMetrics) else None
        while True:
            await self._bus.connected(None)
            await self.sweep()
            self._swept.set()
            await asyncio.sleep(SWEEP_SECONDS)

    async def swept(self, deadline: float) -> bool:
        """Wait until all that was there has been looked at, at most `deadline` seconds; tell whether it has."""
        try:
            async with asyncio.timeout(max(0.0, deadline)):
                await self._swept.wait()
        except TimeoutError:
            return False
        return True

    async def sweep(self) -> None:
        """End what is to be ended; what cannot be sent stays for the next time. Never raises."""
        try:
            files = self._files()
            while (file := await off_loop(next, files, None)) is not None:
                try:
                    await self._take(file)
                finally:
                    file.close()
        except FileNotFoundError:
            log.debug("no journals: %s is not there", self._directory)
        except Exception as error:  # noqa: BLE001 - one directory that cannot be read must not end the agent
            log.warning("the journals in %s cannot be read: %r", self._directory, error)

    def _files(self) -> Iterator[LeftFile]:
        yield from left_files(self._directory)

    async def _take(self, file: LeftFile) -> None:
        try:
            if await self._end(file):
                file.delete()
                self._reported.pop(file.path, None)
        except JournalError as error:
            self._set_aside(file, error)
        except OSError as error:
            self._report(file, f"it cannot be read or written: {error}")

    def _report(self, file: LeftFile, why: str) -> None:
        """Log why a journal waits, once: it may wait for an operator, and is looked at every few seconds."""
        if self._reported.get(file.path) != why:
            self._reported[file.path] = why
            log.warning("the journal %s waits, and is tried again: %s", file.path, why)

    def _set_aside(self, file: LeftFile, error: JournalError) -> None:
        log.warning("the journal %s is set aside, and what it has is not counted: %s", file.path, error)
        if self._metrics is not None:
            self._metrics.set_aside(error.reason)
        try:
            file.set_aside()
        except OSError as problem:  # the others still have their turn
            log.warning("the journal %s cannot be set aside, and is in the way: %s", file.path, problem)

    async def _end(self, file: LeftFile) -> bool:
        """End the epochs that a journal has; False when the server did not take all of it."""
        left = read(await off_loop(file.image))
        if left.file and not left.file.endswith(claim_of(file.path)):
            raise JournalError("torn", f"{left.file!r} is no file whose counts it is to have")
        expired = [epoch for epoch in left.epochs if is_expired(epoch, time.time())]
        if left.file:  # its counts are the last epoch's, and go the way of these: an expired one may have sent them
            await off_loop(Path(left.file).unlink, missing_ok=True)
        address = self._address(left, file) if left.epochs else self._own
        for epoch in left.epochs:
            if epoch in expired:
                continue
            if not await self._send(epoch, address, file):
                return False
            _write(file, acknowledged(epoch))
            if self._metrics is not None:
                self._metrics.recovered.increment()
            log.info("ended epoch %016x of %s, which was killed", epoch.epoch, left.identity)
        if expired:
            raise JournalError("expired", f"its epoch {expired[0].epoch:016x} was sent too long ago to be ended now")
        return True

    def _address(self, left: Left, file: LeftFile) -> Address:
        """Return where a journal's epochs were published; one that never was becomes this agent's path's for good."""
        if left.publication is not None:
            return Address.of_text(left.publication)
        file.write(PUBLICATIONS[0][0] // CELL, pack_text(self._own.to_text()))
        file.write(AT_PUBLICATION, struct.pack("=q", 1))
        return self._own

    async def _send(self, epoch: LeftEpoch, address: Address, file: LeftFile) -> bool:
        """Send the final of an epoch; whoever goes on after this process finds its numbers used."""
        max_payload = self._bus.max_payload
        if max_payload is None:
            return False
        self._size.server_takes(max_payload)
        now = time.time()
        try:
            frames = encode_final(epoch, address.settings, now, self._size.max_bytes)
        except Exception as error:
            if self._size.forget() or self._size.max_bytes < MIN_FRAME_BYTES:  # less is taken than is needed, for now
                self._report(file, f"it does not fit into what is taken now: {error}")
                return False
            raise JournalError("torn", f"its final cannot be encoded: {error!r}") from error
        _write(file, noted(epoch, frames, now))
        for frame in frames:
            answer = await self._bus.publish(address.subject, frame.data, ACK_SECONDS)
            if answer.refusal is Refusal.TOO_LARGE:
                self._size.refused(len(frame.data))
            if answer.outcome is not Outcome.ACKED:
                self._report(file, f"its final is not taken yet: {answer.text}")
                return False
        return True


def _write(file: LeftFile, cells: Mapping[int, bytes]) -> None:
    for cell, data in cells.items():
        file.write(cell, data)
