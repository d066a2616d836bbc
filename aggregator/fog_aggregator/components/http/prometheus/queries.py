"""Evaluates queries for requests: in threads of their own, never on the event loop, within limits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

from aiohttp import web

from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.below.passing import passed_on_for
from fog_aggregator.components.http.output import JSON, send
from fog_aggregator.components.http.prometheus.metrics import ApiMetrics
from fog_aggregator.components.http.prometheus.options import QueryOptions
from fog_aggregator.components.http.response_slots import ResponseSlots
from fog_aggregator.promql.errors import CanceledError, EvaluationError, QueryTimeoutError, UnavailableError
from fog_aggregator.promql.evaluation.context import Limits, Options
from fog_aggregator.promql.storage import SeriesStorage
from fog_aggregator.sources.ports import Confinable, Descending, for_request
from utilityfog_frontend.telemetry import TelemetryCollector

T = TypeVar("T")

_AT_ONCE: Final = 2
"""As many queries may take all that one may take, together."""

PIECE: Final = 65_536
"""Characters of an answer that are made and sent together."""


class Budget:
    """Samples that all queries may take together. Threads take them.

    Args:
        most: How many that are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Take some.

        Raises:
            UnavailableError: when there are not so many left.
        """
        with self._lock:
            if self._taken + count > self._most:
                raise UnavailableError(f"busy: queries may take {self._most} samples together; try again")
            self._taken += count

    def ask(self, count: int) -> None:
        """Ask for room before so many samples are read.

        Raises:
            UnavailableError: when all queries together would have too many.
        """
        self.take(count)
        self.give_back(count)

    def give_back(self, count: int) -> None:
        """Give back the samples of a query that has ended."""
        with self._lock:
            self._taken -= count


@dataclass(slots=True)
class Evaluation:
    """The evaluation of a request. It ends when its time is up, its client is gone, or the service stops.

    Attributes:
        request: The request.
        deadline: When the time is up, by the monotonic clock.
        stopping: Tells whether the service stops.
        budget: Where its samples come from.
        taken: How many it has taken.
    """

    request: web.Request
    deadline: float
    stopping: Callable[[], bool]
    budget: Budget
    taken: int = 0

    def expired(self) -> bool:
        """Tell whether the evaluation should end."""
        return monotonic() > self.deadline or self.request.transport is None or self.stopping()

    def take(self, count: int) -> None:
        """Take samples.

        Raises:
            UnavailableError: when all queries together would have too many.
        """
        self.budget.take(count)
        self.taken += count


class Queries:
    """Evaluates queries. Belongs to one event loop; its threads see the storage alone.

    Args:
        storage: The samples.
        options: The limits.
        clock: The time now, in seconds since 1970: the moment of queries that name none.
        ready: Tells whether the numbers are complete, and why not.
        collector: Takes its metrics.

    Attributes:
        metrics: Counts requests.
    """

    def __init__(
        self,
        storage: SeriesStorage,
        options: QueryOptions,
        clock: Callable[[], float],
        ready: Callable[[], tuple[bool, str]],
        collector: TelemetryCollector,
    ) -> None:
        self.metrics = ApiMetrics(collector)
        self._storage = storage
        self._options = options
        self._clock = clock
        self._ready = ready
        self._stopping = False
        self._budget = Budget(_AT_ONCE * options.query_samples)
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

    def storage(self, evaluation: Evaluation) -> SeriesStorage:
        """Return the samples for an evaluation: of the part of the tree that its user is shown.

        Raises:
            EvaluationError: the samples cannot be told apart by places, or the question was passed on for no branch.
        """
        storage, root = self._storage, shown_to(evaluation.request)
        branch = passed_on_for(evaluation.request)
        if branch is not None and isinstance(storage, Descending):
            storage = storage.passed_on(branch)
        if root:
            if not isinstance(storage, Confinable):
                raise EvaluationError("these samples are of the whole fleet")
            storage = storage.under(root)
        return for_request(storage, evaluation.expired, self._budget.ask)

    def evaluate_with(self, evaluation: Evaluation, lookback: int | None = None) -> Options:
        """Return how an evaluation goes."""
        limits = Limits(samples=self._options.query_samples)
        lookback = lookback or Options().lookback
        return Options(lookback=lookback, limits=limits, expired=evaluation.expired, taken=evaluation.take)

    @asynccontextmanager
    async def slot(self, request: web.Request, patience: int | None = None) -> AsyncIterator[Evaluation]:
        """Occupy a slot, and give the evaluation that is done in it.

        Args:
            request: The request.
            patience: How long the client wants to wait, in milliseconds; no longer than the options allow.

        Raises:
            UnavailableError: when no slot became free.
        """
        seconds = min(self._options.query_timeout, (patience or 0) / 1000 or self._options.query_timeout)
        evaluation = Evaluation(request, monotonic() + seconds, lambda: self._stopping, self._budget)
        try:
            async with self._slots.acquire(request):
                yield evaluation
        except web.HTTPServiceUnavailable as error:
            raise UnavailableError(str(error.text)) from None
        finally:
            self._budget.give_back(evaluation.taken)

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

    async def send(self, request: web.Request, texts: Iterable[str], evaluation: Evaluation) -> web.StreamResponse:
        """Answer with JSON in pieces, made in a thread."""
        return await send(request, _pieces(texts, evaluation), JSON, self._threads)


def _pieces(texts: Iterable[str], evaluation: Evaluation) -> Iterator[bytes]:
    """Join texts to larger pieces."""
    pending: list[str] = []
    size = 0
    for text in texts:
        pending.append(text)
        size += len(text)
        if size >= PIECE:
            if evaluation.expired():
                raise TimeoutError("the time of the query is up")
            yield "".join(pending).encode()
            pending, size = [], 0
    yield "".join(pending).encode() + b"\n"
