"""Let in who may come in, and show each no more than its part of the tree.

A route says what it can be confined to (`Reach`). A login with a subtree gets of a route that takes `path`
what is at and under that subtree, and nothing of any other route: what nobody thought of stays closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.access.credentials import Credential
from fog_aggregator.components.http.access.logins import Logins, TooManyLoginsError
from fog_schema.paths import Path, format_path, is_under

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOGINS: Final = web.AppKey("logins", Logins)
"""The logins that are let in; an application without it lets in everybody."""
_USER: Final = web.RequestKey("user", Credential)
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="fog", charset="UTF-8"'}


class Reach(Enum):
    """How much of the fleet a route shows."""

    WHOLE = auto()
    """Numbers or names of the whole fleet: only for who may see everything."""
    SUBTREE = auto()
    """The part of the tree at and under its parameter `path`, or one node (`node`)."""
    USER = auto()
    """As much as the user is shown: the answer asks `shown_to`."""
    PAGE = auto()
    """Nothing of the fleet: for everybody who has logged in."""
    OPEN = auto()
    """Whether the process is well: for everybody."""


def confine(request: web.Request, reach: Reach, query: dict[str, Any]) -> None:
    """Confine the parameters of a request to what its user may see.

    Raises:
        HTTPForbidden: It asks for something else. The answer does not depend on what is there.
    """
    user = request.get(_USER)
    if user is None or not user.shows or reach in (Reach.USER, Reach.PAGE, Reach.OPEN):
        return
    if reach is Reach.WHOLE:
        raise web.HTTPForbidden(
            text=f"{request.path} is of the whole fleet, and {user.name} is shown {format_path(user.shows)} alone"
        )
    node = query.get("node")
    if node is not None:
        _check(user, node)
        return
    query["path"] = query["path"] or user.shows
    _check(user, query["path"])


def user_of(request: web.Request) -> Credential | None:
    """Return who asks; None where logins are not asked for."""
    return request.get(_USER)


def shown_to(request: web.Request) -> Path:
    """Return the root of the subtree that the user of a request is shown; empty for everything."""
    user = request.get(_USER)
    return () if user is None else user.shows


def guard(reaches: Mapping[str, Reach]) -> Any:
    """Return a middleware that asks for a login wherever the route is not open to all.

    Args:
        reaches: the routes by their path.
    """

    @web.middleware
    async def only_known(request: web.Request, handler: Handler) -> web.StreamResponse:
        logins, resource = request.app.get(LOGINS), request.match_info.route.resource
        is_open = resource is not None and reaches.get(resource.canonical) is Reach.OPEN
        if logins is not None and not is_open:
            request[_USER] = await _login(request, logins)
        return await handler(request)

    return only_known


async def _login(request: web.Request, logins: Logins) -> Credential:
    header = request.headers.get("Authorization", "")
    try:
        user = await logins.who(header, request.remote or "")
    except TooManyLoginsError:
        raise web.HTTPServiceUnavailable(text="too many passwords are being compared: try again") from None
    if user is None:
        why = "the name or the secret is wrong" if header else "a token or a password is needed"
        raise web.HTTPUnauthorized(text=f"{why}; `fog token` makes them", headers=_CHALLENGE)
    return user


def _check(user: Credential, path: Path) -> None:
    if not is_under(path, user.shows):
        raise web.HTTPForbidden(
            text=f"{user.name} is shown {format_path(user.shows)} alone, and not {format_path(path)}"
        )
