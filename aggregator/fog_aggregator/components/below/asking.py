"""Ask the aggregators of branches over HTTP: only allowed ones, within limits, never following where one points."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import aiohttp

from fog_aggregator.components.below.addresses import find
from fog_aggregator.components.below.options import BelowOptions
from fog_aggregator.components.below.tokens import read_tokens
from fog_schema import __version__
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry import TelemetryCollector

JSON: Final = "application/json"
PATIENCE: Final = 4.0
"""Seconds for all of an answer; then the other replica is asked."""
MOST_BYTES: Final = 16 * 2**20
"""Of one answer."""
MOST_AT_ONCE: Final = 4
LONGEST_WAIT: Final = 5.0
MOST_REPLICAS: Final = 4
PASSED_ON: Final = "Fog-Passed-On"
"""The header with the branch that is asked: a question goes down the tree, and ends where it would not."""
MISSING: Final = "Fog-Missing"
"""The header of an answer with the branches that are missing from it, and why."""
_ANSWERS: Final = (200, 400, 404, 422)
"""Statuses that are of the question, and not of who was asked."""
_LONGEST_LINE: Final = 500
OUTCOMES: Final = (
    "answered", "not_allowed", "refused", "not_ready", "failed", "timeout", "too_large", "loop", "busy",
)  # fmt: skip
_WHY: Final = {
    "not_allowed": "it told no address that --below.allow has",
    "refused": "its aggregator does not let us in: see --below.token-file",
    "not_ready": "its aggregator is not ready",
    "failed": "its aggregator gives no usable answer",
    "timeout": f"no answer within {PATIENCE:g} s",
    "too_large": f"its answer is larger than {MOST_BYTES // 2**20} MiB: ask for less",
    "loop": "the question came back to where it was",
    "busy": f"{MOST_AT_ONCE} questions are being passed on already; try again",
}


class UnansweredError(Exception):
    """Nobody of a branch has answered; the text says why, and has neither addresses nor tokens."""

    def __init__(self, outcome: str) -> None:
        super().__init__(_WHY[outcome])
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the aggregator of a branch.

    Attributes:
        branch: whom it is for.
        path: what is asked, as in ``/metrics``.
        query: the parameters, in order.
        media: the type that the answer must have; an error's is not looked at.
    """

    branch: Path
    path: str
    query: Sequence[tuple[str, str]]
    media: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of an aggregator.

    Attributes:
        status: 200, or the status of an error of the question.
        body: the answer; of an error the line for people.
        missing: which parts it says are missing below.
    """

    status: int
    body: bytes
    missing: str = ""

    @property
    def line(self) -> str:
        """The error in one line."""
        text = self.body[:_LONGEST_LINE].decode(errors="replace")
        with suppress(ValueError, KeyError, TypeError):
            text = str(json.loads(text)["error"])
        return " ".join(text.split()) or "no reason given"


class BranchQuestions:
    """A component that asks the aggregators of branches. Belongs to one event loop.

    Args:
        options: The addresses that may be asked, and the file of tokens.
        collector: Gets the metric.

    Attributes:
        merging: held while a level is put together: one at a time.
        loop: the event loop that it belongs to, once it has started.

    Raises:
        TokensError: The file of tokens cannot be used.
    """

    def __init__(self, options: BelowOptions, collector: TelemetryCollector) -> None:
        self._options = options
        self._tokens: Mapping[str, str] = {}
        self.reload()
        self._questions = collector.register_counter(
            "fog_aggregator_below_questions_total", "Questions passed on to branches, by their outcome", ["outcome"]
        )
        for outcome in OUTCOMES:
            self._questions.labels(outcome=outcome)
        self._failed: dict[str, float] = {}
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)
        self.merging = asyncio.Lock()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def passes_on(self) -> bool:
        """Whether any address is allowed."""
        return bool(self._options.below_allow)

    def reload(self) -> None:
        """Read the tokens anew.

        Raises:
            TokensError: The file cannot be used; what was before stays.
        """
        if self._options.below_token_file:
            self._tokens = read_tokens(self._options.below_token_file)

    async def start(self) -> None:
        """Know the loop; a connection is made for the first question."""
        self.loop = asyncio.get_running_loop()

    async def stop(self, deadline: float) -> None:
        """Drop the connections."""
        del deadline  # a question that waits for its answer fails
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def ask(self, question: Question, advertised: Sequence[str]) -> Answer:
        """Ask one replica after the other, those first that answered last time.

        Args:
            question: The question.
            advertised: The addresses that the branch's replicas tell.

        Raises:
            UnansweredError: Nobody answered.
        """
        allowed = [found for one in advertised[:MOST_REPLICAS] if (found := find(one, self._options.below_allow))]
        why = UnansweredError("not_allowed")
        try:
            async with self._turn():
                for address, pattern in sorted(allowed, key=lambda one: self._failed.get(one[0], 0.0)):
                    token = self._tokens.get(address, self._tokens.get(pattern))
                    try:
                        answer = await self._ask(address, token, question)
                    except UnansweredError as error:
                        self._failed = {**self._failed, address: time.monotonic()} if len(self._failed) < 1000 else {}
                        why = error
                    else:
                        self._failed.pop(address, None)
                        self._questions.labels(outcome="answered").increment()
                        return answer
        except UnansweredError as error:
            why = error
        self._questions.labels(outcome=why.outcome).increment()
        raise why

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a turn, but not for long.

        Raises:
            UnansweredError: None came.
        """
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._turns.acquire()
        except TimeoutError:
            raise UnansweredError("busy") from None
        try:
            yield
        finally:
            self._turns.release()

    async def _ask(self, address: str, token: str | None, question: Question) -> Answer:
        headers = {"Accept": question.media, PASSED_ON: format_path(question.branch), "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        asked = self._open().get(
            f"{address}{question.path}",
            params=list(question.query),
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=PATIENCE),
        )
        try:
            async with asked as response:
                return await _read(response, question.media)
        except TimeoutError:
            raise UnansweredError("timeout") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise UnansweredError("failed") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MOST_AT_ONCE),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"fog-aggregator/{__version__}"},
                auto_decompress=False,
                trust_env=False,
                max_field_size=8190,
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, media: str) -> Answer:
    """Read an answer, but no more of it than it may have.

    Raises:
        UnansweredError: It is none.
    """
    status, outcomes = response.status, {401: "refused", 403: "refused", 503: "not_ready", 508: "loop"}
    if status not in _ANSWERS:
        raise UnansweredError(outcomes.get(status, "failed"))
    encoded = response.headers.get("Content-Encoding", "identity") != "identity"
    if encoded or (status == 200 and response.headers.get("Content-Type") != media):
        raise UnansweredError("failed")
    most = MOST_BYTES if status == 200 else _LONGEST_LINE
    if (response.content_length or 0) > MOST_BYTES:
        raise UnansweredError("too_large")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            if status != 200:
                break
            raise UnansweredError("too_large")
    return Answer(status, bytes(body[:most]), response.headers.get(MISSING, "")[:_LONGEST_LINE])
