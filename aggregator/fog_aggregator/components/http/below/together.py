"""Ask several branches the same, within limits for all of them together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from fog_aggregator.components.below.asking import Answer, BranchQuestions, Question, UnansweredError
from fog_aggregator.components.http.below.passing import addresses_of, must_go_down
from fog_schema.paths import Path

PATIENCE: Final = 8.0
"""Seconds for all branches together."""
MOST_BYTES: Final = 32 * 2**20
"""Of all branches together."""
AT_ONCE: Final = 2
LONGEST_WAIT: Final = 10.0
NOT_PASSED: Final = "this aggregator passes no questions on: see --below.allow"


async def ask_all(
    request: web.Request, questions: Sequence[Question], asking: BranchQuestions
) -> dict[Path, Answer | str]:
    """Ask all branches, some at a time; of those that do not answer return why."""
    branches = [question.branch for question in questions]
    gate, found, room = asyncio.Semaphore(AT_ONCE), _came_back(request, branches), MOST_BYTES

    async def ask(question: Question) -> None:
        nonlocal room
        branch = question.branch
        async with gate:
            try:
                answer = await asking.ask(question, await addresses_of(request, branch))
            except UnansweredError as error:
                found[branch] = str(error)
                return
        room -= len(answer.body)
        if answer.status != 200:
            found[branch] = answer.line
        else:
            found[branch] = answer if room >= 0 else str(UnansweredError("too_large"))

    by_branch = {question.branch: question for question in questions}
    if asked := [question for branch, question in by_branch.items() if branch not in found]:
        async with _turn(asking):
            tasks = [asyncio.create_task(ask(question)) for question in asked]
            try:
                await asyncio.wait(tasks, timeout=PATIENCE)
            finally:
                for task in tasks:
                    task.cancel()
    late = f"no answer within {PATIENCE:g} s"
    return {branch: found.get(branch, late) for branch in branches}


def _came_back(request: web.Request, branches: Iterable[Path]) -> dict[Path, Answer | str]:
    """Return the branches that the question was passed on for already: whoever asks us again has our turn."""
    found: dict[Path, Answer | str] = {}
    for branch in branches:
        try:
            must_go_down(request, branch)
        except UnansweredError as error:
            found[branch] = str(error)
    return found


@asynccontextmanager
async def _turn(asking: BranchQuestions) -> AsyncIterator[None]:
    """Wait until no other level is put together, but not for long.

    Raises:
        HTTPServiceUnavailable: One is all the time.
    """
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            await asking.merging.acquire()
    except TimeoutError:
        raise web.HTTPServiceUnavailable(text="busy: another level is being asked for already; try again") from None
    try:
        yield
    finally:
        asking.merging.release()
