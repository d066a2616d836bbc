"""Samples of places below branches, as the branches' own aggregators have them: for queries, in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fog_aggregator.components.below.asking import JSON, Answer, BranchQuestions, Question, UnansweredError
from fog_aggregator.components.below.samples import (
    NoSamplesError,
    Wanted,
    begin_of,
    read_samples,
    wanted,
    with_groups_until,
)
from fog_aggregator.history.routing import Level, NodeOwn, Subtree, View
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.errors import EvaluationError, UnavailableError
from fog_aggregator.promql.labels import Labels, Matcher
from fog_aggregator.promql.storage import Selection
from fog_aggregator.sources.ports import Room, ViewSource, enough_room, for_request
from fog_aggregator.sources.unkept import Unkept
from fog_aggregator.tasks import wait_in_thread
from fog_schema.paths import Path, format_path, is_under

PATIENCE: Final = 8.0
"""Seconds for all branches of a level together."""
LONGEST_WAIT: Final = 10.0
"""Seconds for one's turn to ask about a level."""
AT_ONCE: Final = 2
MOST_BYTES: Final = 32 * 2**20
"""Of the answers of all branches of a level together."""
_LISTED_MS: Final = 3_600_000
_NOT_PASSED: Final = "this aggregator passes no questions on: see --below.allow"
_UNHEARD: Final = "the branch above it has warnings, which are not shown to you"
_REFUSED: Final = "its aggregator refuses the question, with a reason that is not shown to you"
_QUERY: Final = "/api/v1/query"


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Asker:
    """The request that samples are for: what it may see, and when it ends.

    Attributes:
        root: the request is shown places at and under this path alone.
        within: branches below this one alone are asked: the question was passed on to us for it. Everybody for none.
        expired: tells whether the request has ended; then nobody waits for an answer.
        room: is asked before samples are kept.
    """

    root: Path = ()
    within: Path = ()
    expired: Callable[[], bool] = _never
    room: Room = enough_room

    def hears(self, branch: Path) -> bool:
        """Tell whether texts of a branch's aggregator are for the asker: they may be about any place of the branch."""
        return is_under(branch, self.root)


@dataclass(slots=True)
class _Taken:
    """How much the answers of all branches to one question take.

    Attributes:
        size: bytes of their texts.
        samples: their samples.
        reading: held while one of them is read, which takes a multiple of its text.
    """

    size: int = 0
    samples: int = 0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class BelowSource(Unkept):
    """Samples of a place below a branch, and of levels that lie below branches. Threads ask it; never the loop's.

    Args:
        network: Knows the branches.
        asking: Asks their aggregators.
        sources: Have what is known here: of a level the groups of all other places.
        asker: The rights and limits of the request.
    """

    def __init__(
        self,
        network: NetworkCollector,
        asking: BranchQuestions,
        sources: Sequence[ViewSource],
        asker: Asker = Asker(),
    ) -> None:
        self._network = network
        self._asking = asking
        self._sources = sources
        self._asker = asker

    def until(self, expired: Callable[[], bool], room: Room) -> BelowSource:
        """Return the same source for one request."""
        sources = [for_request(source, expired, room) for source in self._sources]
        return BelowSource(self._network, self._asking, sources, replace(self._asker, expired=expired, room=room))

    def passed_on(self, branch: Path) -> BelowSource:
        """Return the same source for a question that was passed on to us for a branch: it goes down only."""
        return BelowSource(self._network, self._asking, self._sources, replace(self._asker, within=branch))

    def under(self, root: Path) -> BelowSource:
        """Return the same source for who is shown a subtree alone: no other branch is asked, or named."""
        return BelowSource(self._network, self._asking, self._sources, replace(self._asker, root=root))

    def holds(self, view: View) -> bool:
        """Tell whether a view lies below a branch, or has groups that do."""
        if isinstance(view, Level):
            return bool(self._branches(view))
        return isinstance(view, NodeOwn | Subtree) and self._asking.passes_on and self._over(view) is not None

    def select(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series of a view that fulfil every matcher, with their samples from `start` to `end`.

        Of a level the branches that do not answer are groups of their own, with a warning; so is each before the time
        from which it has samples.

        Raises:
            EvaluationError: The branch says that it cannot be answered.
            UnavailableError: The branch does not answer.
            QueryTimeoutError: The request has ended.
        """
        if isinstance(view, Level):
            return self._level(view, matchers, start, end)
        if not isinstance(view, NodeOwn | Subtree) or (branch := self._over(view)) is None:
            raise EvaluationError("this lies below no branch")
        if not self._goes_down(branch):
            raise EvaluationError(str(UnansweredError("loop")))
        found = self._ask([wanted(branch, view, matchers, start, end)])[branch]
        if isinstance(found, str):
            raise UnavailableError(f"{format_path(view.path)} lies below the branch {format_path(branch)}: {found}")
        return found

    def series(self, view: View, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """List the series of a view that fulfil every matcher and have a sample in the last hour before `end`.

        Raises:
            QueryError: as `select`.
        """
        end = min(end, round(self._network.now() * 1000))
        parts = self.select(view, matchers, max(start, end - _LISTED_MS), end).parts
        return [labels for part in parts for labels in part.labels]

    def _over(self, view: NodeOwn | Subtree) -> Path | None:
        """Return the branch that a view lies below; its aggregator alone knows a node that stands at the branch."""
        branch = self._network.branch_over(view.path)
        return branch if branch != view.path or isinstance(view, NodeOwn) else None

    def _branches(self, view: Level) -> list[Path]:
        """Return the branches below which a level has groups that are asked for."""
        under = view.under or ()
        known = self._network.inventory(lambda fleet: fleet.branches(()))
        seen = [one for one in known if all(_are_on_a_line(one, path) for path in (under, self._asker.root))]
        return [one for one in seen if len(one) <= view.level]

    def _level(self, view: Level, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        own = next(source for source in self._sources if source.holds(view)).select(view, matchers, start, end)
        branches = self._branches(view)
        missing, answered = dict.fromkeys(branches, _NOT_PASSED), dict[Path, Selection]()
        if self._asking.passes_on:
            found = self._ask([wanted(branch, view, matchers, start, end) for branch in branches])
            missing = {branch: one for branch, one in found.items() if isinstance(one, str)}
            answered = {branch: one for branch, one in found.items() if isinstance(one, Selection)}
        begin = {branch: begin_of(one, own, start) for branch, one in answered.items()}
        shown = with_groups_until(own, {branch: time for branch, time in begin.items() if time is not None})
        parts = [part for one in (shown, *answered.values()) for part in one.parts]
        warnings = [text for one in (shown, *answered.values()) for text in one.warnings]
        as_one = (self._without(branch, why) for branch, why in sorted(missing.items()))
        return Selection(parts, (*warnings, *as_one))

    def _without(self, branch: Path, why: str) -> str:
        """Say what is shown of a branch that does not answer: its total, but to who may not see all of it nothing."""
        if self._asker.hears(branch):
            return f"{format_path(branch)} is shown as one: {why}"
        return f"{format_path(self._asker.root)} is not shown: {why}"

    def _ask(self, questions: Sequence[Wanted]) -> Mapping[Path, Selection | str]:
        """Ask branches, and read their answers; of those that do not answer return why."""
        asked = self._ask_all([one for one in questions if self._goes_down(one.whom)])
        found = wait_in_thread(self._asking.loop, asked, self._asker.expired)
        return {one.whom: found.get(one.whom, str(UnansweredError("loop"))) for one in questions}

    def _read(self, answer: Answer, one: Wanted) -> Selection:
        """Read an answer; of a branch that the asker sees a part of, it is told that there are warnings, and not which.

        Raises:
            NoSamplesError: it is none.
        """
        found = read_samples(answer.body, one)
        if not found.warnings or self._asker.hears(one.whom):
            return found
        return replace(found, warnings=(f"{format_path(self._asker.root)}: {_UNHEARD}",))

    def _goes_down(self, branch: Path) -> bool:
        within = self._asker.within
        return len(branch) > len(within) and is_under(branch, within)

    async def _ask_all(self, questions: Sequence[Wanted]) -> dict[Path, Selection | str]:
        taken = _Taken()
        if len(questions) < 2:
            return {one.whom: await self._find(one, taken) for one in questions}
        gate, found = asyncio.Semaphore(AT_ONCE), dict[Path, Selection | str]()

        async def find(one: Wanted) -> None:
            async with gate:
                found[one.whom] = await self._find(one, taken)

        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._asking.merging.acquire()
        except TimeoutError:
            raise UnavailableError("busy: another level is being asked for already; try again") from None
        tasks = [asyncio.create_task(find(one)) for one in questions]
        try:
            ended, _ = await asyncio.wait(tasks, timeout=PATIENCE, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._asking.merging.release()
            for task in tasks:
                task.cancel()
        for task in ended:
            task.result()
        late = f"no answer within {PATIENCE:g} s"
        return {one.whom: found.get(one.whom, late) for one in questions}

    async def _find(self, one: Wanted, taken: _Taken) -> Selection | str:
        """Ask one branch, and read its answer, one at a time: the text is gone before the next one's is read.

        Raises:
            QueryError: There is no room for the samples of all branches.
        """
        answer = await self._ask_one(one)
        if isinstance(answer, str):
            return answer
        taken.size += len(answer.body)
        if taken.size > MOST_BYTES:
            return f"the answers of all branches are larger than {MOST_BYTES // 2**20} MiB: ask for less"
        try:
            async with taken.reading:
                found = await asyncio.to_thread(self._read, answer, one)
        except NoSamplesError as error:
            return str(error)
        taken.samples += sum(part.samples for part in found.parts)
        self._asker.room(taken.samples)
        return found

    async def _ask_one(self, one: Wanted) -> Answer | str:
        """Ask one branch; return why it has no answer."""
        addresses = await asyncio.to_thread(self._network.inventory, lambda fleet: fleet.addresses(one.whom))
        query = (("query", one.query), ("time", f"{one.end / 1000:.3f}"))
        try:
            answer = await self._asking.ask(Question(one.whom, _QUERY, query, JSON), addresses)
        except UnansweredError as error:
            return str(error)
        if answer.status == 200:
            return answer
        return f"its aggregator says: {answer.line}" if self._asker.hears(one.whom) else _REFUSED


def _are_on_a_line(one: Path, other: Path) -> bool:
    """Tell whether one of two paths lies at or under the other."""
    return is_under(one, other) or is_under(other, one)
