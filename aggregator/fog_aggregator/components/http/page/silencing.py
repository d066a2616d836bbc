"""Make and end silences for logins that may: nothing else can be changed over HTTP, and this by option alone.

A silence is an operator's command as that of `fog silence`: it goes into the stream of commands, and every aggregator
that reads the path obeys it. Whether this one may publish there is the server's decision.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from fog_aggregator.components.http.access.guard import shown_to, user_of
from fog_aggregator.components.http.keys import STATUS
from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.tagged import send_tagged
from fog_aggregator.components.http.parameters import PATH, Parameter
from fog_aggregator.notifications.silence_shares import SilenceShares, TooManySilencesError
from fog_bus.ports import Outcome, Publish, Refusal
from fog_schema.commands import OPERATORS, SILENCE, UNSILENCE, Command
from fog_schema.errors import PathError
from fog_schema.paths import Path, format_path, is_under, parse_path

LOGGER: Final = logging.getLogger("fog_aggregator.components.http")
HEADER: Final = "X-Requested-With"
"""A page of a stranger's cannot send it: a browser asks this server first, which says no."""
COMMANDS_ONLY: Final = (
    "silences are made and ended by an operator's command, not over HTTP: `fog silence add`, `expire`; "
    "--http.silences lets logins that may make and end them by POST at /api/silences/add and /api/silences/expire"
)
_SHORTEST, _LONGEST = 60, 7 * 86_400
_LONGEST_COMMENT: Final = 300
_NAME: Final = re.compile(r"[a-zA-Z_]\w{0,127}", re.ASCII)
_NUMBER: Final = re.compile(r"\d{1,7}", re.ASCII)
_ID: Final = re.compile(r"[\w-]{1,64}", re.ASCII)


class Desk(Protocol):
    """Hand on what operators order."""

    async def publish(self, path: Path, command: Command) -> Publish:
        """Publish a command to all who read a path, and wait until it is stored."""


DESK: Final[web.AppKey[Desk]] = web.AppKey("desk")
SHARES: Final[web.AppKey[SilenceShares]] = web.AppKey("shares of silences")


def _alert(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("the name of an alert is needed; all alerts of the place are silenced where it is left out")
    return text


def _duration(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not _SHORTEST <= int(text) <= _LONGEST:
        raise ValueError(f"seconds from {_SHORTEST} to {_LONGEST} are needed")
    return int(text)


def _comment(text: str) -> str:
    if not text.strip() or len(text) > _LONGEST_COMMENT:
        raise ValueError(f"a reason of 1 to {_LONGEST_COMMENT} characters is needed")
    return text


def _silence_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("the id of a silence is needed: /api/silences lists them")
    return text


_TEXT: Final = {"type": "string"}
MADE: Final = (
    PATH,
    Parameter("alert", "the alert that is silenced; all of them when left out", _TEXT, _alert, ""),
    Parameter("duration", "for how many seconds", {"type": "integer"}, _duration, required=True),
    Parameter("comment", "why", _TEXT, _comment, required=True),
)
ENDED: Final = (Parameter("id", "the silence", _TEXT, _silence_id, required=True),)


async def add(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """Silence one alert, or all of them, at and under a path, from now on and for a while."""
    desk, author = _allowed(request)
    if not query["path"]:
        raise web.HTTPBadRequest(text="path= is needed: the part of the tree that the silence is for")
    if shown_to(request) and len(query["path"]) == 1:
        raise web.HTTPForbidden(
            text=f"a silence for all of {format_path(query['path'])} is for alerts of no place too, which this login "
            "is not shown: name a place below it"
        )
    equal, pattern = OPERATORS.index("="), OPERATORS.index("=~")
    matcher = (equal, "alertname", query["alert"]) if query["alert"] else (pattern, "alertname", ".+")
    number = str(uuid.uuid4())
    command = Command(SILENCE, number, author, query["comment"], (matcher,), duration=query["duration"] * 1000)
    shares, known = request.app[SHARES], request.app[STATUS].silences()
    states = ((one["id"], one["createdBy"], one["status"]["state"] == "expired") for one in known)
    try:
        shares.take(number, author, states, time.monotonic())
    except TooManySilencesError as error:
        raise web.HTTPConflict(text=str(error)) from None
    try:
        await _publish(desk, query["path"], command)
    except web.HTTPServiceUnavailable:
        shares.give_back(number)
        raise
    return await send_tagged(request, json_bytes({"silenceID": number}))


async def expire(request: web.Request, query: Mapping[str, Any]) -> web.StreamResponse:
    """End a silence."""
    desk, author = _allowed(request)
    known = next((one for one in request.app[STATUS].silences() if one["id"] == query["id"]), None)
    user = user_of(request)
    if known is None or user is None or not is_under(path := _path(known["path"]), user.shows):
        raise web.HTTPNotFound(text=f"no silence {query['id']} is known; /api/silences lists them")
    await _publish(desk, path, Command(UNSILENCE, query["id"], author))
    return await send_tagged(request, json_bytes({"silenceID": query["id"]}))


def may_silence(request: web.Request) -> bool:
    """Tell whether who asks may make and end silences here."""
    user = user_of(request)
    return DESK in request.app and user is not None and user.may_silence


def _allowed(request: web.Request) -> tuple[Desk, str]:
    user = user_of(request)
    if DESK not in request.app:
        raise web.HTTPForbidden(text=COMMANDS_ONLY)
    if user is None or not user.may_silence:
        name = user.name if user else "nobody"
        raise web.HTTPForbidden(text=f"{name} may not make silences: `fog token NAME --may-silence` makes who may")
    if HEADER not in request.headers:
        raise web.HTTPForbidden(text=f"send the header {HEADER}: a page of a stranger's could have sent this form")
    return request.app[DESK], user.name


def _path(text: str) -> Path:
    try:
        return parse_path(text)
    except PathError:
        return ()


async def _publish(desk: Desk, path: Path, command: Command) -> None:
    """Hand a command on.

    Raises:
        HTTPServiceUnavailable: It is not stored, or nobody can say whether it is.
    """
    found = await desk.publish(path, command)
    if found.outcome is Outcome.ACKED:
        LOGGER.info("%s: a command about silence %s at %s", command.author, command.id, format_path(path))
        return
    why = found.text or found.outcome.value
    if found.refusal is Refusal.PERMISSION:
        why = "the server lets this aggregator publish no commands: docs/http.md says which permission it needs"
    raise web.HTTPServiceUnavailable(text=f"the command is not in the stream: {why}")
