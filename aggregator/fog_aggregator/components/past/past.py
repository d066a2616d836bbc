"""Answer questions about the past: of a node's own values, and of the totals of a subtree."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from fog_aggregator.components.past.cache import Cache, Remembered
from fog_aggregator.components.past.errors import PastError
from fog_aggregator.components.past.frames import Frames
from fog_aggregator.components.past.metrics import ANSWERED, FAILED, REFUSED, REMEMBERED
from fog_aggregator.components.past.options import PastOptions
from fog_aggregator.components.past.present import Present, PresentState
from fog_aggregator.components.past.sharing import Shared
from fog_aggregator.history.routing import NodeOwn, Subtree
from fog_aggregator.past.anchor import constants, with_constants
from fog_aggregator.past.answer import Answer, families_at, make_answer
from fog_aggregator.past.difference import Held
from fog_aggregator.past.replay import SILENT_STEP, Question, Replay, TooMuchError
from fog_aggregator.query.selection import Selection
from fog_bus.ports import Message
from fog_schema.paths import Path, format_path

AT_ONCE: Final = 2
"""Questions that read the stream at the same time; others wait for their turn, within their own time."""
_BEGINS: Final = 300.0
"""Questions begin at multiples of so many seconds, so that one answer serves those that begin a little later."""
_BYTES_OF_VALUE: Final = 8
_LATER: Final = 503

T = TypeVar("T")
Moments = list[Held]


class Past:
    """A component that reads the past of nodes and subtrees from the stream of metrics. Belongs to one event loop.

    Args:
        present: tells what the aggregator holds now.
        frames: reads the stream of metrics.
        options: the bounds.
        step: seconds between the moments of subtrees.
    """

    def __init__(self, present: PresentState, frames: Frames, options: PastOptions, step: float) -> None:
        self._present = present
        self._frames = frames
        self._timeout = options.past_timeout
        self._most = options.past_memory // _BYTES_OF_VALUE
        self._step = step
        self._cache = Cache(options.past_memory)
        self._samples_made: Shared[Hashable, Answer] = Shared()
        self._moments_made: Shared[Hashable, Moments] = Shared()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="past")
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Return the event loop that it belongs to; None before it was started."""
        return self._loop

    @property
    def step(self) -> float:
        """Return the seconds between the moments of subtrees."""
        return self._step

    @property
    def timeout(self) -> float:
        """Return how long one question may take, seconds."""
        return self._timeout

    def now_ms(self) -> int:
        """Return the server's time, milliseconds. Any thread may ask."""
        return round(self._present.now() * 1000)

    async def start(self) -> None:
        """Take note of the event loop."""
        self._loop = asyncio.get_running_loop()

    async def stop(self, deadline: float) -> None:
        """End all questions."""
        del deadline  # nothing is left half done
        await self._samples_made.cancel()
        await self._moments_made.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._loop = None

    async def samples(self, view: NodeOwn | Subtree, start: float, end: float) -> Answer:
        """Return all samples of a view from a moment on, unix seconds.

        Raises:
            PastError: there is no answer.
        """
        path, own = view.path, isinstance(view, NodeOwn)
        self._present.check(path, own=own)
        start = max(0.0, start)
        known = self._cache.find(path, start, own=own)
        if known is not None and self._is_current(known, end):
            self._frames.metrics.questions.labels(result=REMEMBERED).increment()
            return known.answer
        begin = math.floor(start / _BEGINS) * _BEGINS
        question = Question(path, own=own, start=begin, step=self._step, most=self._most)
        return await self._samples_made.get((path, own, begin), partial(self._samples, question, view))

    async def families(self, path: Path, moments: tuple[float, ...], *, own: bool) -> Moments:
        """Return all families at some moments, ascending, as the collector had them.

        Raises:
            PastError: there is no answer.
        """
        self._present.check(path, own=own)
        if moments[-1] > (now := self._present.now()):
            raise PastError(f"{moments[-1]:.3f} lies ahead: the time of the stream is {now:.3f}")
        question = Question(path, own=own, start=moments[0], at=moments, most=self._most)
        return await self._moments_made.get((path, own, moments), partial(self._families, question))

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[Callable[[], bool]]:
        """Bound the time and the number of questions that read the stream, and count how they end.

        Yields:
            A function that tells whether it goes on: threads ask, as nobody else can end them.
        """
        result, over = FAILED, threading.Event()
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                yield lambda: not over.is_set()
            result = ANSWERED
        except TimeoutError:
            raise PastError(
                f"reading the stream took longer than {self._timeout:g} s: ask for a shorter range or a deeper path, "
                "or set a longer --past-timeout",
                _LATER,
            ) from None
        except TooMuchError as error:
            result = REFUSED
            raise PastError(f"{error}, or set a larger --past-memory") from None
        except PastError as error:
            result = FAILED if error.status == _LATER else REFUSED
            raise
        finally:
            over.set()
            self._frames.metrics.questions.labels(result=result).increment()

    async def _samples(self, question: Question, view: NodeOwn | Subtree) -> Answer:
        async with self._bounded() as wanted:
            present, replay = await self._replay(question, wanted)
            answer = await self._in_thread(partial(self._finish, replay, present, question, view))
        self._cache.add(Remembered(question.path, question.own, question.start, present.now, present.numbers, answer))
        return answer

    async def _families(self, question: Question) -> Moments:
        async with self._bounded() as wanted:
            present, replay = await self._replay(question, wanted)
            return await self._in_thread(partial(self._finish_moments, replay, present, question))

    async def _replay(self, question: Question, wanted: Callable[[], bool]) -> tuple[Present, Replay]:
        """Read all frames of a question."""
        present = await self._in_thread(partial(self._present.look, question.selection))
        info = await self._frames.look(present.stream, present.position)
        question = replace(question, stored_since=info.first_timestamp, orders=present.orders)
        if not question.at:
            question = replace(question, start=max(question.start, info.first_timestamp))
        elif not info.messages or question.start < info.first_timestamp:
            begins = f"begins at {info.first_timestamp:.3f}" if info.messages else "is empty"
            raise PastError(f"the stream {present.stream} {begins}: nothing is known of {question.start:.3f}", 404)
        replay = Replay(question, self._frames.subjects, wanted)

        async def take(messages: Sequence[Message]) -> None:
            await self._in_thread(partial(replay.take, messages))

        await self._frames.read(present.stream, question, present.position, take)
        for writer, number in replay.last_numbers().items():
            if number < present.numbers.get(writer, 0):
                raise PastError(
                    f"the replica of the stream {present.stream} that was asked lags behind: ask again", 503
                )
        return present, replay

    def _finish(self, replay: Replay, present: Present, question: Question, view: NodeOwn | Subtree) -> Answer:
        replay.finish(present.now)
        found = constants(present.view.totals(), present.view.shown, replay.totals())
        return make_answer(replay, found, view.labels, own=question.own)

    def _finish_moments(self, replay: Replay, present: Present, question: Question) -> Moments:
        replay.finish(present.now)
        if replay.known_since >= question.start:
            raise PastError(
                f"the counts under {format_path(question.path)} are known after {replay.known_since:.3f}: before that "
                f"the stream {present.stream} has no keyframe of some writer",
                404,
            )
        found = constants(present.view.totals(), present.view.shown, replay.totals())
        axis, constant = with_constants(*replay.catalog(), found)
        show, moments = partial(families_at, axis=axis, constant=constant), []
        for one in replay.moments:
            replay.check()
            moments.append(Held(show(one, own=question.own), show(one, own=False)))
        return moments

    def _is_current(self, known: Remembered, end: float) -> bool:
        """Tell whether an answer has all that there is until a moment."""
        end = min(end, self._present.now())
        if end <= known.until:
            return True
        if not known.own:
            return math.floor(end / self._step) <= math.floor(known.until / self._step)
        unchanged = known.numbers == self._present.numbers(Selection(known.path, own=True))
        return unchanged and end - known.until < SILENT_STEP

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
