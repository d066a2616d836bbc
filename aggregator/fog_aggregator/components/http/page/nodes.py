"""Answer with nodes that are found by text and state, in an order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from fog_aggregator.components.http.parameters import Parameter
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.network import NetworkCollector
from fog_aggregator.path_costs import NOTHING, PathCost
from fog_aggregator.query.listing.finding import ORDERS, Candidates, Mark, Text, format_cursor, parse_cursor
from fog_schema.paths import Path

_ABSENT: Final = (Life.MISSING, Life.UNREAD)


def _cursor(text: str) -> tuple[str, Mark]:
    try:
        return parse_cursor(text)
    except ValueError:
        raise ValueError("the `next` of an answer is needed, as it was") from None


Q: Final = Parameter(
    "q",
    "words that are looked for, all of them: part of a path, or what a node tells, as in version=2.*; * is anything",
    {"type": "string", "example": "r07 role=edge"},
    Text.of,
)
CURSOR: Final = Parameter("cursor", "what comes after this: the `next` of a page", {"type": "string"}, _cursor)


def nodes(
    network: NetworkCollector, costs: Callable[[], Mapping[Path, PathCost]], query: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the nodes that are asked for with their costs, a page of them. Takes a while: call it in a thread.

    Raises:
        ValueError: The cursor is of another order.
    """
    by_path, order, states = costs(), query["sort"], query["state"]
    cost = None if order in ORDERS else lambda path: float(getattr(by_path.get(path, NOTHING), order))
    after = query["cursor"]
    if after is not None and after[0] != order:
        raise ValueError(f"the cursor is of sort={after[0]}: ask with the parameters of the page that it came with")
    absent = network.inventory(
        lambda fleet: {(path, life): count for life in _ABSENT for path, count in fleet.absent(query["path"], life)}
    )
    found = Candidates(query["path"], network.node_states(), absent)
    matching = found.matching(
        query["q"] or Text.of(""), lambda key, paths: network.inventory(lambda fleet: fleet.info_of(key, paths))
    )
    chosen = matching & found.in_states(states)
    places = found.ordered(chosen, order, cost, None if after is None else after[1])
    first, limit = query["offset"], query["limit"]
    page = places[first : first + limit]
    listed = _listed(network, found, page, absent)
    for node in listed:
        node.update(asdict(by_path.get(tuple(node["path"].split("/")), NOTHING)))
    more = page and len(places) > first + limit
    return {
        "total": int(chosen.sum()),
        "offset": first,
        "limit": limit,
        "states": found.counts(matching),
        "next": format_cursor(order, found.mark(page[-1], order, cost)) if more else None,
        "nodes": listed,
    }


def _listed(
    network: NetworkCollector, found: Candidates, page: Sequence[int], absent: Mapping[tuple[Path, Life], int]
) -> list[dict[str, Any]]:
    """Describe the nodes of a page."""
    lives = [Life(int(found.lives[place])) if found.is_absent(place) else None for place in page]
    rows = [
        (found.paths[place], life, absent[found.paths[place], life] if life is not None else 1)
        for place, life in zip(page, lives, strict=True)
    ]
    return network.inventory(lambda fleet: fleet.nodes(rows))
