"""Answer which series, labels and values there are, what metrics mean, and how many of all there are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

from aiohttp import web

from fog_aggregator.components.http.access.guard import shown_to
from fog_aggregator.components.http.below.places import PlacesBelow, places_below
from fog_aggregator.components.http.keys import NETWORK
from fog_aggregator.components.http.output import JSON, send
from fog_aggregator.components.http.prometheus.route import API, list_texts, success_text
from fog_aggregator.components.http.prometheus.values import unescape_name
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.json_data import labels_json
from fog_aggregator.promql.labels import NAME, Labels
from fog_aggregator.promql.language.parse import MAX_TIME
from fog_aggregator.promql.storage import SeriesStorage
from utilityfog_frontend.telemetry.model import Family

Query: TypeAlias = Mapping[str, Any]

_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOST_COUNTED: Final = 10
"""Lines of each table of status/tsdb, as Prometheus has."""


Find: TypeAlias = Callable[[], Iterable[Labels]]


async def series(request: web.Request, given: Query) -> web.StreamResponse:
    """List the label sets that any of the selectors finds."""
    return await _listed(request, given, lambda find: map(labels_json, sorted(find())))


async def label_names(request: web.Request, given: Query) -> web.StreamResponse:
    """List the names of labels; without a selector also those that say which part of the fleet is meant."""
    more = () if given["match[]"] else request.app[API].places.names()
    return await _listed(request, given, lambda find: map(_text, sorted({*_names(find()), *more})))


async def label_values(request: web.Request, given: Query) -> web.StreamResponse:
    """List the values of a label; of a label of the fog also the places that there are, those below branches included.

    Selectors that find series with this label choose among the places: without any, each is listed. Alerts and some of
    the aggregator's own metrics have such labels in the view of the whole fleet, and are about few places.
    """
    raw = request.match_info["name"]
    name = unescape_name(raw)
    if name == raw and not _LABEL.fullmatch(name):
        raise BadQueryError(f'invalid label name: "{name[:200]}"')
    places = request.app[API].places
    others, below = partial(places.values, name, shown_to(request)), PlacesBelow()
    if name in places.names() and request.method != "HEAD" and not _names_places(given, places.names()):
        below = await places_below(request, name)

    def listed(find: Find) -> Iterable[str]:
        found = _values(find(), name)
        return map(_text, sorted(found if found and given["match[]"] else found.union(others(), below.values)))

    return await _listed(request, given, listed, below.warnings)


async def metadata(request: web.Request, given: Query) -> web.StreamResponse:
    """Tell type, help and unit of the fleet's metrics and of the aggregator's own."""
    queries = request.app[API].queries
    async with queries.slot(request) as evaluation:
        families = partial(request.app[NETWORK].descriptions, shown_to(request))
        describe = partial(_described, families, given["metric"], given["limit_per_metric"])
        return await queries.send(request, _metadata_texts(describe, given["limit"]), evaluation)


async def status_tsdb(request: web.Request, given: Query) -> web.StreamResponse:
    """Count series by name, by label and by pair."""
    queries = request.app[API].queries
    async with queries.slot(request) as evaluation:
        count = partial(_cardinality, queries.storage(evaluation), given["limit"] or _MOST_COUNTED)
        return await queries.send(request, _success_texts(count), evaluation)


async def _listed(
    request: web.Request, given: Query, items: Callable[[Find], Iterable[str]], more: tuple[str, ...] = ()
) -> web.StreamResponse:
    """Answer with a list that a thread makes; `more` are warnings beside those of every answer."""
    queries = request.app[API].queries
    warnings = queries.warnings() + more
    if request.method == "HEAD":
        return await send(request, (), JSON)
    async with queries.slot(request) as evaluation:
        find = partial(_found, queries.storage(evaluation), given)
        found = await queries.compute(partial(items, find))
        return await queries.send(request, list_texts(found, given["limit"], warnings), evaluation)


def _names_places(given: Query, labels: Iterable[str]) -> bool:
    """Tell whether any selector chooses places: then these are asked for with the samples."""
    named = {matcher.name for matchers in given["match[]"] for matcher in matchers}
    return not named.isdisjoint(labels)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _found(storage: SeriesStorage, given: Query) -> Iterator[Labels]:
    """Find the series of any of the selectors once each; all, without selectors."""
    start = -MAX_TIME if given["start"] is None else given["start"]
    end = MAX_TIME if given["end"] is None else given["end"]
    if end < start:
        raise BadQueryError('invalid parameter "end": end timestamp must not be before start time')
    selectors = given["match[]"] or ((),)
    found = (labels for matchers in selectors for labels in storage.series(matchers, start, end))
    return iter(found if len(selectors) == 1 else dict.fromkeys(found))


def _names(found: Iterable[Labels]) -> set[str]:
    return {name for labels in found for name, _ in labels}


def _values(found: Iterable[Labels], name: str) -> set[str]:
    return {value for labels in found for key, value in labels if key == name}


def _described(
    families: Callable[[], Iterable[Family]], metric: str | None, limit: int
) -> dict[str, list[dict[str, str]]]:
    """Return the descriptions of each metric, by name; nodes may disagree about one."""
    found: dict[str, list[dict[str, str]]] = {}
    for family in families():
        if metric in {None, family.name}:
            one = {"type": family.type.exposed, "help": family.help, "unit": family.unit}
            known = found.setdefault(family.name, [])
            if one not in known and not 0 < limit <= len(known):
                known.append(one)
    return found


def _metadata_texts(describe: Callable[[], Mapping[str, Any]], limit: int) -> Iterator[str]:
    described = describe()
    names = sorted(described)[: limit or None]
    yield success_text({name: described[name] for name in names})


def _success_texts(compute: Callable[[], Any]) -> Iterator[str]:
    yield success_text(compute())


def _cardinality(storage: SeriesStorage, limit: int) -> dict[str, Any]:
    """Return the tables of status/tsdb; what has no meaning here is 0 or empty."""
    names: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for labels in storage.series((), -MAX_TIME, MAX_TIME):
        pairs.update(labels)
        names.update(value for name, value in labels if name == NAME)
    values = Counter(name for name, _ in pairs)
    return {
        "headStats": {
            "numSeries": names.total(),
            "numLabelPairs": len(pairs),
            "chunkCount": 0,
            "minTime": storage.oldest or 0,
            "maxTime": storage.newest or 0,
        },
        "seriesCountByMetricName": _most(names.items(), limit),
        "labelValueCountByLabelName": _most(values.items(), limit),
        "memoryInBytesByLabelName": [],
        "seriesCountByLabelValuePair": _most(
            ((f"{name}={value}", count) for (name, value), count in pairs.items()), limit
        ),
    }


def _most(counts: Iterable[tuple[str, int]], limit: int) -> list[dict[str, Any]]:
    ordered = sorted(counts, key=lambda pair: (-pair[1], pair[0]))
    return [{"name": name, "value": count} for name, count in ordered[:limit]]
