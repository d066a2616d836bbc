"""Evaluates queries for requests: in threads of their own, never on the event loop, within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

from aiohttp import web

from fog_aggregator.components.http.output import JSON, send
from fog_aggregator.components.http.prometheus.options import QueryOptions
from fog_aggregator.components.http.response_slots import ResponseSlots
from fog_aggregator.promql.errors import CanceledError, QueryTimeoutError, UnavailableError
from fog_aggregator.promql.evaluation.context import Limits, Options
from fog_aggregator.promql.storage import SeriesStorage
from fog_aggregator.sources.ports import for_request

T = TypeVar("T")

PIECE: Final = 65_536
"""Characters of an answer that are made and sent together."""


@dataclass(slots=True)
class Deadline:
    """The end of a request's evaluation: its time is up, its client is gone, or the service stops.

    Threads ask it, the loop sets it.
    """

    request: web.Request
    at: float
    stopping: Callable[[], bool]

    def expired(self) -> bool:
        """Tell whether the evaluation should end."""
        return monotonic() > self.at or self.request.transport is None or self.stopping()


class Queries:
    """Evaluates queries. Belongs to one event loop; its threads see the storage alone.

    Args:
        storage: The samples.
        options: The limits.
        clock: The time now, in seconds since 1970: the moment of queries that name none.
        ready: Tells whether the numbers are complete, and why not.
    """

    def __init__(
        self,
        storage: SeriesStorage,
        options: QueryOptions,
        clock: Callable[[], float],
        ready: Callable[[], tuple[bool, str]],
    ) -> None:
        self._storage = storage
        self._options = options
        self._clock = clock
        self._ready = ready
        self._stopping = False
        self._slots = ResponseSlots(options.query_concurrency)
        self._threads = ThreadPoolExecutor(options.query_concurrency, thread_name_prefix="query")

    async def start(self) -> None:
        """Begin; there is nothing to do."""

    async def stop(self, deadline: float) -> None:
        """End all evaluations at once: each looks after every block of series whether it should."""
        del deadline
        self._stopping = True

    def now(self) -> int:
        """Return the moment of a query that names none, in milliseconds."""
        return round(self._clock() * 1000)

    def warnings(self) -> tuple[str, ...]:
        """Return what every answer has to say now.

        While the aggregator catches up, answers are of what it has kept: an outage must not empty the dashboards that
        people look at because of it.

        Raises:
            UnavailableError: when it is not ready and has no sample at all: an empty answer would read as zero.
        """
        ready, reason = self._ready()
        if ready:
            return ()
        if self._storage.newest is None:
            raise UnavailableError(f"not ready: {reason}")
        return (f"not ready: {reason}; newer numbers may be missing",)

    def storage(self, deadline: Deadline) -> SeriesStorage:
        """Return the samples for what is done until a deadline."""
        return for_request(self._storage, deadline.expired)

    def evaluation(self, deadline: Deadline, lookback: int | None = None) -> Options:
        """Return how a query is evaluated."""
        limits = Limits(samples=self._options.query_samples)
        return Options(lookback=lookback or Options().lookback, limits=limits, expired=deadline.expired)

    @asynccontextmanager
    async def slot(self, request: web.Request, patience: int | None = None) -> AsyncIterator[Deadline]:
        """Occupy a slot, and give the deadline of what is done in it.

        Args:
            request: The request.
            patience: How long the client wants to wait, in milliseconds; no longer than the options allow.

        Raises:
            UnavailableError: when no slot became free.
        """
        seconds = min(self._options.query_timeout, (patience or 0) / 1000 or self._options.query_timeout)
        deadline = Deadline(request, monotonic() + seconds, lambda: self._stopping)
        try:
            async with self._slots.acquire(request):
                yield deadline
        except web.HTTPServiceUnavailable as error:
            raise UnavailableError(str(error.text)) from None

    async def compute(self, work: Callable[[], T]) -> T:
        """Run something in a thread.

        Raises:
            QueryError: as it does.
            CanceledError: when the service stops.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except QueryTimeoutError:
            if self._stopping:
                raise CanceledError("the aggregator stops: ask again when it is back") from None
            raise

    async def send(self, request: web.Request, texts: Iterable[str], deadline: Deadline) -> web.StreamResponse:
        """Answer with JSON in pieces, made in a thread."""
        return await send(request, _pieces(texts, deadline), JSON, self._threads)


def _pieces(texts: Iterable[str], deadline: Deadline) -> Iterator[bytes]:
    """Join texts to larger pieces."""
    pending: list[str] = []
    size = 0
    for text in texts:
        pending.append(text)
        size += len(text)
        if size >= PIECE:
            if deadline.expired():
                raise TimeoutError("the time of the query is up")
            yield "".join(pending).encode()
            pending, size = [], 0
    yield "".join(pending).encode() + b"\n"
