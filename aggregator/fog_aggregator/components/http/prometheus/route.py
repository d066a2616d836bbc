"""A route of the API: parameters as a Prometheus reads them, and its form of answers and errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from aiohttp import web

from fog_aggregator.components.http.access.guard import confine
from fog_aggregator.components.http.output import JSON
from fog_aggregator.components.http.prometheus.metrics import SUCCESS
from fog_aggregator.components.http.prometheus.parameters import read_fields, read_parameters
from fog_aggregator.components.http.prometheus.ports import NO_PLACES, NO_RULES, Places, RulesStatus
from fog_aggregator.components.http.prometheus.queries import Queries
from fog_aggregator.components.http.routes import Route
from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.json_data import error_json, notes_json
from fog_aggregator.promql.query import TRUNCATED

LOGGER: Final = logging.getLogger("fog_aggregator.components.http")
FORMS: Final = ("GET", "POST")
"""Methods of what may be asked with a form as well: expressions can be longer than addresses."""

STATUS_OF: Final = {"bad_data": 400, "execution": 422, "timeout": 503, "canceled": 503, "unavailable": 503}
"""HTTP status by the type of an error."""

_BEFORE_ROUTES: Final = (401, 403, 405)


class InternalError(QueryError):
    """A fault of our own."""

    error_type = "internal"


@dataclass(frozen=True, slots=True)
class Api:
    """The parts that answer.

    Attributes:
        queries: Evaluates, and lists series.
        places: The places of the fog.
        rules: The state of rules and alerts.
    """

    queries: Queries
    places: Places = NO_PLACES
    rules: RulesStatus = NO_RULES


API: Final = web.AppKey("api", Api)


@dataclass(frozen=True, slots=True)
class ApiRoute(Route):
    """A route whose errors are answers of the API."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Check the parameters and answer."""
        confine(request, self.reach, {})
        requests = request.app[API].queries.metrics.requests
        try:
            query = read_parameters(await read_fields(request), self.parameters)
            response = await self.answer(request, query)
        except QueryError as error:
            requests.labels(result=error.error_type).increment()
            return failure(error)
        except (web.HTTPException, ConnectionError):
            raise
        except Exception:
            LOGGER.exception("%s %s failed", request.method, request.path_qs[:200])
            requests.labels(result=InternalError.error_type).increment()
            return failure(InternalError("this is a bug in the aggregator; its log has the details"))
        requests.labels(result=SUCCESS).increment()
        return response

    def error_form(self, status: int) -> tuple[str, str]:
        """Return the media type of an error, and the name of its schema; errors of the server are text, as there."""
        return ("text/plain", "") if status in _BEFORE_ROUTES else (JSON, "ApiError")


def failure(error: QueryError) -> web.Response:
    """Return an error as the API writes it."""
    return web.Response(
        status=STATUS_OF.get(error.error_type, 500), body=error_json(error).encode() + b"\n", content_type=JSON
    )


def success(data: Any) -> web.Response:
    """Return a small answer."""
    return web.Response(body=success_text(data).encode() + b"\n", content_type=JSON)


def success_text(data: Any) -> str:
    """Write an answer as short as it can be."""
    return json.dumps({"status": "success", "data": data}, ensure_ascii=False, separators=(",", ":"))


def list_texts(items: Iterable[str], limit: int, warnings: tuple[str, ...] = ()) -> Iterator[str]:
    """Write an answer whose data is a list of values that are JSON already.

    Args:
        items: The values.
        limit: How many to write at most; 0 for all.
        warnings: For the reader; that the list was cut is added.
    """
    source = iter(items)
    yield '{"status":"success","data":['
    comma = ""
    for item in islice(source, limit or None):
        yield comma + item
        comma = ","
    cut = (TRUNCATED,) if limit and next(source, None) is not None else ()
    yield f"]{notes_json((*warnings, *cut))}}}"
