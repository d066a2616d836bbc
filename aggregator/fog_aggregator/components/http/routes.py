"""The route table: what is served, what it takes, what it answers. The OpenAPI document is made from it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

from aiohttp import web

from fog_aggregator.components.bootstrap.serving import BINARY, checkpoint
from fog_aggregator.components.http import answers, parameters, view_parameters
from fog_aggregator.components.http.access.guard import LOGINS, Reach, confine, shown_to
from fog_aggregator.components.http.below.levels import parts_below
from fog_aggregator.components.http.below.passing import note_missing, pass_on
from fog_aggregator.components.http.explain import explain, why_none
from fog_aggregator.components.http.keys import NETWORK, OPENAPI, SLOTS, STATUS
from fog_aggregator.components.http.output import JSON, json_bytes, send, send_json
from fog_aggregator.components.http.page import silencing
from fog_aggregator.components.http.page.alerts import alerts
from fog_aggregator.components.http.page.columns import COLUMNS, FORMAT, LAYER, VALUES, tree_columns
from fog_aggregator.components.http.page.nodes import CURSOR, Q, nodes
from fog_aggregator.components.http.page.stream import EVENT_STREAM, stream
from fog_aggregator.components.http.page.tagged import send_chunks, send_tagged
from fog_aggregator.components.http.parameters import Parameter, read_query
from fog_aggregator.components.http.past.keys import PAST
from fog_aggregator.components.http.prometheus.reloading import reload
from fog_aggregator.components.http.snapshot import snapshot_chunks
from fog_aggregator.components.http.view_parameters import must_be_known, read_view
from fog_aggregator.components.http.web.files import page_files
from fog_aggregator.network import NetworkCollector
from fog_schema.limits import MAX_TOKENS
from utilityfog_frontend.telemetry.exposition import negotiate
from utilityfog_frontend.telemetry.exposition.negotiation import PROTOBUF, Format

Query = Mapping[str, Any]
T = TypeVar("T")

_EXPOSITIONS: Final = ("text/plain", "application/openmetrics-text", "application/vnd.google.protobuf")
_MIB: Final = 1024 * 1024
_THEIR_OWN: Final = "the events of its nodes are its own aggregators': ask for a path below it"
FAILED_CHECKPOINTS: Final = 3
"""So many in a row are told with readiness: one may be a disk that was full for a moment."""
TEXT: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that is served.

    Attributes:
        path: where it is served.
        summary: one line for the OpenAPI document.
        answer: makes the response, given the checked parameters.
        parameters: the ones that it takes.
        schema: name of the answer's schema in `fog_aggregator.components.http.openapi`; empty for what is not JSON.
        media: media types of the answer.
        errors: statuses beside 400 that the answer may have.
        methods: how it may be asked beside HEAD.
        reach: how much of the fleet it shows.
        below: whether it is passed on to the aggregator of the branch that its `path` or `node` lies below: with True
            also of the branch itself; None for what is never passed on.
    """

    path: str
    summary: str
    answer: Callable[[web.Request, Query], Awaitable[web.StreamResponse]]
    parameters: tuple[Parameter, ...] = ()
    schema: str = ""
    media: tuple[str, ...] = (JSON,)
    errors: tuple[int, ...] = ()
    methods: tuple[str, ...] = ("GET",)
    reach: Reach = Reach.WHOLE
    below: bool | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check the parameters and answer."""
        form = await _form(request) if request.method == "POST" else None
        query = read_query(request, self.parameters, form)
        confine(request, self.reach, query)
        if self.below is not None:
            media = _text_of(_exposition(request)).content_type if self.media == _EXPOSITIONS else self.media[0]
            answer = await pass_on(request, query, media, at_branch=self.below)
            if answer is not None:
                return answer
        return await self.answer(request, query)

    def error_form(self, status: int) -> tuple[str, str]:
        """Return the media type of an error, and the name of its schema; empty for text."""
        del status
        return (JSON, "Error") if self.path.startswith("/api/") else ("text/plain", "")


async def _form(request: web.Request) -> Mapping[str, Any]:
    try:
        return await request.post()
    except (web.HTTPRequestEntityTooLarge, ValueError):
        raise web.HTTPBadRequest(text="the form is too large, or is none") from None


async def _metrics(request: web.Request, query: Query) -> web.StreamResponse:
    network = request.app[NETWORK]
    _must_be_ready(request)
    _must_fit(network)
    view = await asyncio.to_thread(read_view, query, network)
    wanted = _exposition(request)
    if request.method == "HEAD":
        return await send(request, (), wanted.content_type)
    texts = _text_of(wanted)
    parts = await parts_below(request, view, texts.content_type)
    async with request.app[SLOTS].acquire(request):
        families = await asyncio.to_thread(network.collect, *view)
        if parts is None:
            return await send(request, wanted.iter(families), wanted.content_type)
        body = await asyncio.to_thread(parts.exposition, families, texts)
        note_missing(request, parts.missing)
        return await send(request, [body], texts.content_type)


def _exposition(request: web.Request) -> Format:
    """Return the format that a client asks for."""
    return negotiate(", ".join(request.headers.getall("Accept", ())))


def _text_of(wanted: Format) -> Format:
    """Return a format that answers of branches can be put together in: text for one that is not."""
    return negotiate(None) if wanted is PROTOBUF else wanted


async def _snapshot(request: web.Request, query: Query) -> web.StreamResponse:
    network = request.app[NETWORK]
    _must_be_ready(request)
    _must_fit(network)
    view = await asyncio.to_thread(read_view, query, network)
    if request.method == "HEAD":
        return await send(request, (), JSON)
    parts = await parts_below(request, view, JSON)
    async with request.app[SLOTS].acquire(request):
        families = await asyncio.to_thread(network.collect, *view)
        rest = {"events_count": network.events_count, "running": network.running}
        if parts is None:
            return await send(request, snapshot_chunks(families, network.now(), rest), JSON)
        write = lambda shown: b"".join(snapshot_chunks(shown, network.now(), rest))  # noqa: E731
        body = await asyncio.to_thread(parts.snapshot, families, write)
        note_missing(request, parts.missing)
        return await send(request, [body], JSON)


async def _tree(request: web.Request, query: Query) -> web.StreamResponse:
    network = request.app[NETWORK]
    must_be_known(network, query["path"])
    if query["format"] == COLUMNS:
        return await tree_columns(request, query)
    return await _computed(request, partial(answers.tree, network, query["path"], query["depth"]))


async def _nodes(request: web.Request, query: Query) -> web.StreamResponse:
    network = request.app[NETWORK]
    must_be_known(network, query["path"])
    try:
        return await _computed(request, partial(nodes, network, request.app[STATUS].costs, query))
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


async def _events(request: web.Request, query: Query) -> web.StreamResponse:
    if not request.app[STATUS].lists_events_of_branches():
        known = request.app[NETWORK].inventory(lambda fleet: fleet.branches(query["path"]))
        note_missing(request, dict.fromkeys(known, _THEIR_OWN))
    async with request.app[SLOTS].acquire(request):
        found = await asyncio.to_thread(answers.events, request.app[NETWORK], query, shown_to(request))
        return await send_chunks(request, *found)


async def _explain(request: web.Request, query: Query) -> web.StreamResponse:
    network, path, name = request.app[NETWORK], query["path"], query["name"]
    must_be_known(network, path)
    found = await asyncio.to_thread(explain, network, path, name)
    if found is None:
        raise web.HTTPNotFound(text=why_none(network, path, name))
    return await send_tagged(request, await asyncio.to_thread(json_bytes, found))


async def _retired(request: web.Request, _: Query) -> web.StreamResponse:
    return await _computed(request, partial(answers.retired, request.app[NETWORK]))


async def _conflicts(request: web.Request, query: Query) -> web.StreamResponse:
    network, wanted = request.app[NETWORK], (query["path"], query["limit"], query["offset"])
    must_be_known(network, query["path"])
    return await _computed(request, partial(answers.conflicts, network, *wanted))


async def _status(request: web.Request, _: Query) -> web.StreamResponse:
    # Not in a thread: the service belongs to this loop.
    can = ["silence"] if silencing.may_silence(request) else []
    found = answers.status(request.app[NETWORK], request.app[STATUS], shown_to(request), can)
    return await send_tagged(request, json_bytes(found | {"levels_kept": _levels_kept(request)}))


def _levels_kept(request: web.Request) -> list[int]:
    """List the levels that a history has room for; none before its first step."""
    if PAST not in request.app:
        return []
    places, now = request.app[PAST].places, round(request.app[NETWORK].now() * 1000)
    return [level for level in range(MAX_TOKENS) if places.has_level(level, now)]


async def _silences(request: web.Request, query: Query) -> web.StreamResponse:
    found = answers.silences(request.app[STATUS], query["path"])
    page = found[query["offset"] : query["offset"] + query["limit"]]
    return await send_tagged(request, json_bytes(page))


async def _openapi(request: web.Request, _: Query) -> web.StreamResponse:
    return await send_json(request, request.app[OPENAPI])


async def _healthy(_request: web.Request, _: Query) -> web.StreamResponse:
    return web.Response(text="healthy\n")


async def _ready(request: web.Request, _: Query) -> web.StreamResponse:
    _must_be_ready(request)
    status = request.app[STATUS]
    if not status.is_connected():
        return web.Response(text="ready, and cut off from NATS: numbers are of an earlier moment\n")
    has_names = LOGINS not in request.app
    text = answers.readiness(status.late_writers(), request.app[NETWORK], names=has_names)
    if unread := status.unread_commands():
        which = "; ".join(f"{name}: {why}" for name, why in unread.items()) if has_names else "/api/status says why"
        text += f"commands of operators are not read: {which}\n"
    if (failed := status.failed_checkpoints()) >= FAILED_CHECKPOINTS:
        text += f"the last {failed} checkpoints were not written: a crash loses what only they had\n"
    return web.Response(text=text)


def _must_be_ready(request: web.Request) -> None:
    ready, reason = request.app[STATUS].ready()
    if not ready:
        raise web.HTTPServiceUnavailable(text=f"not ready: {reason}")


def _must_fit(network: NetworkCollector) -> None:
    if not network.answers_at_once():
        needed = network.answer_bytes() // _MIB
        raise web.HTTPServiceUnavailable(
            text=f"no memory for this answer: it takes up to {needed} MiB, and the fleet is over its part of --memory "
            "already; raise --memory (/api/status says what takes how much)"
        )


async def _computed(request: web.Request, compute: Callable[[], dict[str, Any]]) -> web.StreamResponse:
    """Answer with what a thread computes."""
    async with request.app[SLOTS].acquire(request):
        answer = await asyncio.to_thread(lambda: json_bytes(compute()))
    return await send_tagged(request, answer)


ROUTES: Final = (
    Route(
        "/metrics",
        "the fleet's metrics, in the format that the client asks for",
        _metrics,
        view_parameters.VIEW,
        media=_EXPOSITIONS,
        errors=(404, 503),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route(
        "/api/snapshot",
        "the same as JSON",
        _snapshot,
        view_parameters.VIEW,
        "Snapshot",
        errors=(404, 503),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route(
        "/api/tree",
        "the tree with the state of its nodes",
        _tree,
        (parameters.PATH, parameters.DEPTH, FORMAT, LAYER, VALUES),
        "Tree",
        errors=(304, 404, 422, 503),
        reach=Reach.SUBTREE,
        below=True,
    ),
    Route(
        "/api/nodes",
        "the nodes with their costs, found by text and state, in an order, a page of them",
        _nodes,
        (parameters.PATH, parameters.STATE, Q, parameters.SORT, parameters.LIMIT, parameters.OFFSET, CURSOR),
        "Nodes",
        errors=(304, 404, 503),
        reach=Reach.SUBTREE,
        below=True,
    ),
    Route(
        "/api/events",
        "the newest events, oldest first",
        _events,
        parameters.EVENTS,
        "Events",
        errors=(304, 404, 503),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route(
        "/api/stream",
        "what changes, as it changes: the events status, states, alert, event, skipped and gap",
        stream,
        (parameters.PATH,),
        media=(EVENT_STREAM,),
        errors=(503,),
        reach=Reach.SUBTREE,
    ),
    Route(
        "/api/explain",
        "why a number is what it is",
        _explain,
        (parameters.PATH, parameters.METRIC),
        "Explanation",
        errors=(304, 404),
        reach=Reach.SUBTREE,
        below=False,
    ),
    Route("/api/retired", "counts of what is no longer exported", _retired, schema="Retired", errors=(304, 503)),
    Route(
        "/api/conflicts",
        "metrics that nodes disagree about, a page of them",
        _conflicts,
        (parameters.PATH, parameters.LIMIT, parameters.OFFSET),
        "Conflicts",
        errors=(304, 404, 503),
        reach=Reach.SUBTREE,
    ),
    Route("/api/status", "what the numbers stand on", _status, schema="Status", errors=(304,), reach=Reach.USER),
    Route(
        "/api/alerts",
        "the problems: alerts joined where they have one cause, the worst first, a page of them",
        alerts,
        (parameters.PATH, parameters.LIMIT, parameters.OFFSET),
        "Problems",
        errors=(304, 503),
        reach=Reach.SUBTREE,
    ),
    Route(
        "/api/checkpoint",
        "the newest checkpoint, for the other aggregator of a pair",
        checkpoint,
        media=(BINARY,),
        errors=(404, 503),
    ),
    Route(
        "/api/silences",
        "the silences, as Alertmanager writes them",
        _silences,
        (parameters.PATH, parameters.SILENCES, parameters.OFFSET),
        "Silences",
        errors=(304,),
        reach=Reach.SUBTREE,
    ),
    *(
        Route(path, summary, answer, taken, "MadeSilence", errors=(404, 409, 503), methods=("POST",), reach=reach)
        for path, summary, answer, taken, reach in (
            ("/api/silences/add", "makes a silence", silencing.add, silencing.MADE, Reach.SUBTREE),
            ("/api/silences/expire", "ends a silence", silencing.expire, silencing.ENDED, Reach.USER),
        )
    ),
    Route("/api/openapi.json", "this description", _openapi, schema="OpenAPI", reach=Reach.PAGE),
    Route("/-/healthy", "whether the process answers", _healthy, media=("text/plain",), reach=Reach.OPEN),
    Route(
        "/-/ready",
        "whether the numbers are complete",
        _ready,
        media=("text/plain",),
        errors=(503,),
        reach=Reach.OPEN,
    ),
    Route(
        "/-/reload",
        "reads the rule files anew, for this machine alone",
        reload,
        media=("text/plain",),
        errors=(403, 422),
        methods=("POST",),
    ),
    *(
        Route(file.path, file.about, file.answer, file.parameters, "", (file.media,), (304, 404), reach=Reach.PAGE)
        for file in page_files()
    ),
)
