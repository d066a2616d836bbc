"""Pass a question about a place below a branch on to the branch's own aggregator.

A question goes down only: whoever was asked for a branch passes it on to branches below that one alone, so that it
ends also where addresses lead in a circle. The rights of a login were looked at before; the root asks with a login of
its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.below.asking import (
    MISSING,
    PASSED_ON,
    Answer,
    BranchQuestions,
    Question,
    UnansweredError,
)
from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.keys import NETWORK, PREFIX
from fog_aggregator.components.http.output import send
from fog_aggregator.promql.errors import EvaluationError
from fog_schema.errors import PathError
from fog_schema.paths import Path, format_path, is_under, parse_path

BELOW: Final = web.AppKey("below", BranchQuestions)
"""Asks the aggregators of branches; an application without it passes nothing on."""
_MISSING_PARTS: Final = web.RequestKey("missing", str)
_LONGEST_HEADER: Final = 2_000
_UNNAMED: Final = "parts are missing below, and which is not shown to you"
_ERRORS: Final = {400: web.HTTPBadRequest, 404: web.HTTPNotFound, 422: web.HTTPUnprocessableEntity}


class HTTPLoopDetected(web.HTTPServerError):
    """A question has come back to who passed it on (RFC 5842)."""

    status_code = 508


async def pass_on(
    request: web.Request, query: Mapping[str, Any], media: str, *, at_branch: bool
) -> web.StreamResponse | None:
    """Answer with what the aggregator of a branch says; None where the question is this one's own.

    Args:
        request: The question.
        query: Its checked parameters.
        media: The type of the answer.
        at_branch: Whether the branch itself is asked of its aggregator too. When that does not answer, there is an
            answer of our own, marked as one in which what lies below is missing.

    Raises:
        HTTPException: The branch did not answer, or answered with an error of the question.
    """
    asking, node = request.app.get(BELOW), query.get("node")
    where: Path = query.get("path", ()) if node is None else node
    branch = request.app[NETWORK].branch_over(where)
    if branch is None or asking is None or not asking.passes_on:
        return None
    own = where == branch and node is None
    if own and not at_branch:
        return None
    question = Question(branch, _path(request), parameters_of(request, where if node is None else None), media)
    try:
        must_go_down(request, branch)
        answer = await asking.ask(question, await addresses_of(request, branch))
    except UnansweredError as error:
        if own:
            note_missing(request, {branch: str(error)})
            return None
        text = f"{format_path(where)} lies below the branch {format_path(branch)}: {error}"
        raise (HTTPLoopDetected if error.outcome == "loop" else web.HTTPBadGateway)(text=text) from None
    return await _answer(request, answer, branch, media)


async def addresses_of(request: web.Request, branch: Path) -> list[str]:
    """Return the addresses that the aggregators of a branch tell."""
    return await asyncio.to_thread(request.app[NETWORK].inventory, lambda fleet: fleet.addresses(branch))


async def _answer(request: web.Request, answer: Answer, branch: Path, media: str) -> web.StreamResponse:
    hears = is_under(branch, shown_to(request))  # else its texts may be about places that are not shown
    if answer.status != 200:
        line = answer.line if hears else "no, with a reason that is not shown to you"
        raise _ERRORS[answer.status](text=f"the aggregator of {format_path(branch)} says: {line}")
    if answer.missing:
        request[_MISSING_PARTS] = answer.missing if hears else _UNNAMED
    return await send(request, [answer.body], media)


def must_go_down(request: web.Request, branch: Path) -> None:
    """Refuse to pass on what was passed on to us for this branch already.

    Raises:
        UnansweredError: The branch does not lie below the one that the question is for.
    """
    text = request.headers.get(PASSED_ON)
    if text is None:
        return
    try:
        above = parse_path(text)
    except PathError:
        above = branch
    if len(branch) <= len(above) or not is_under(branch, above):
        raise UnansweredError("loop")


def passed_on_for(request: web.Request) -> Path | None:
    """Return the branch for which a query was passed on to us; None where it was not.

    Raises:
        EvaluationError: The header names no path.
    """
    text = request.headers.get(PASSED_ON)
    try:
        return None if text is None else parse_path(text)
    except PathError as error:
        raise EvaluationError(f"{PASSED_ON}: {error}") from None


def parameters_of(request: web.Request, path: Path | None) -> list[tuple[str, str]]:
    """Return the parameters of a question, with another path."""
    given = [(name, text) for name, text in request.query.items() if name != "path"]
    return given + ([("path", format_path(path))] if path else [])


def question_of(request: web.Request, branch: Path, media: str) -> Question:
    """Return the same question of a branch alone."""
    return Question(branch, _path(request), parameters_of(request, branch), media)


def note_missing(request: web.Request, missing: Mapping[Path, str]) -> None:
    """Let the header of the answer say which parts are missing, and why."""
    if missing:
        texts = (f"{format_path(path)}: {why}" for path, why in sorted(missing.items()))
        request[_MISSING_PARTS] = "; ".join(texts)[:_LONGEST_HEADER]


async def say_missing(request: web.Request, response: web.StreamResponse) -> None:
    """Say in a header which parts of an answer are missing."""
    if missing := request.get(_MISSING_PARTS):
        response.headers[MISSING] = "".join(sign if " " <= sign <= "~" else "?" for sign in missing)


def _path(request: web.Request) -> str:
    return request.path.removeprefix(request.app[PREFIX])
