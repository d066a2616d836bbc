"""A receiver of OTLP/HTTP as a source of the agent: its thread, and what the collector gets of it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Final

from fog_agent.sources.otlp.answers import Answer, RefusalError, taken, unpacked
from fog_agent.sources.otlp.folding import Fold
from fog_agent.sources.otlp.listener import MAX_HEAD, Listener
from fog_agent.sources.otlp.protobuf import MalformedError
from fog_agent.sources.otlp.request import Parser, TooMuchError
from fog_agent.sources.otlp.settings import OtlpSettings
from fog_agent.sources.ports import Context
from utilityfog_frontend.telemetry.model import FamilySnapshot

REASONS: Final = (
    "bounds", "buckets", "busy", "content_encoding", "content_type", "family", "fell", "labels", "logs", "malformed",
    "method", "name", "name_clash", "new_series", "path", "profiles", "resources", "scale", "series", "temporality",
    "too_large", "traces", "value",
)  # fmt: skip
"""Why points and requests are refused; `name_clash` counts names that became one, and loses nothing."""
PATIENCE: Final = 2.0
"""Seconds that a stop waits for the thread."""


class OtlpSource:
    """Takes what programs post. `start` and `stop` from one thread; the collector reads from any.

    Args:
        settings: where it listens, and its limits.
        context: the agent's.
    """

    def __init__(self, settings: OtlpSettings, context: Context) -> None:
        self._settings = settings
        self._metrics = context.metrics
        self._parser = Parser()
        self._programs = Fold(time.time_ns(), settings.limits, settings.promote, scope_labels=settings.scope_labels)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self.port = 0
        self._metrics.expect(settings.name, *REASONS)
        context.collector.add_source(self._families, name=settings.name)

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self._settings.name

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be had.
        """
        address = self._settings.address
        sock = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address.host, address.port))
            sock.listen(128)
        except OSError as error:
            sock.close()
            where = f"{address.host}:{address.port}"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from None
        self.port = sock.getsockname()[1]
        self._stopping = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run, args=(self._loop, sock), name=f"source-{self.name}", daemon=True
        )
        self._thread.start()
        self._metrics.up(self.name, up=True)

    def stop(self) -> None:
        """End; a request that is being read is not taken, and its sender hears nothing."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None:
            return
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        thread.join(PATIENCE)
        self._metrics.up(self.name, up=False)

    def _run(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        try:
            loop.run_until_complete(self._serve(sock))
        except Exception as error:  # noqa: BLE001 - nothing of it may break the agent
            self._metrics.down(self.name, f"its server has failed: {error!r}")
        finally:
            sock.close()
            loop.close()

    async def _serve(self, sock: socket.socket) -> None:
        listener = Listener(self._take, self._refuse)
        server = await asyncio.start_server(listener.serve, sock=sock, limit=MAX_HEAD)
        await self._stopping.wait()
        server.close()
        await listener.stop()

    def _take(self, body: bytes, encoding: str) -> Answer:
        begun = time.perf_counter()
        try:
            found = self._parser.parse(unpacked(body, encoding))
        except MalformedError as error:
            raise RefusalError(400, "malformed", f"the body is no ExportMetricsServiceRequest: {error}") from None
        except TooMuchError as error:
            raise RefusalError(413, "too_large", str(error)) from None
        with self._lock:
            outcome = self._programs.apply(found, time.time())
        for reason, count in outcome.refused.items():
            self._metrics.refuse(self.name, reason, outcome.texts.get(reason, ""), count)
        if "name_clash" in outcome.texts:
            self._metrics.refuse(self.name, "name_clash", outcome.texts["name_clash"])
        self._metrics.read(self.name, time.perf_counter() - begun)
        return taken(outcome, sum(len(one.points) for one in found))

    def _refuse(self, refusal: RefusalError) -> None:
        self._metrics.refuse(self.name, refusal.reason, str(refusal))

    def _families(self) -> list[FamilySnapshot]:
        with self._lock:
            return self._programs.families(time.time())
