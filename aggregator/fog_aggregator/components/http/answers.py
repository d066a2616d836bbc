"""Answer the JSON interface, as plain values. Each may take a while with a large fleet: call them in a thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, TypeAlias

from fog_aggregator.components.http.output import json_bytes
from fog_aggregator.components.http.page.tagged import tag_of
from fog_aggregator.components.http.status import Status
from fog_aggregator.core.events.newest import FleetEvent, Mark, format_mark
from fog_aggregator.network import NetworkCollector
from fog_aggregator.path_costs import PathCost
from fog_aggregator.query.explanation import epoch_name
from fog_schema import __version__
from fog_schema.frames import VERSION
from fog_schema.paths import Path, format_path

_CHUNK: Final = 65_536
_MOST_NAMED: Final = 10
Costs: TypeAlias = Callable[[], Mapping[Path, PathCost]]


def tree(network: NetworkCollector, under: Path, depth: int) -> dict[str, Any]:
    """Return the tree from a path down, as deep as asked for or as fits."""
    return network.inventory(lambda fleet: fleet.tree(under, depth))


def events(network: NetworkCollector, query: Mapping[str, Any], root: Path = ()) -> tuple[str, Iterator[bytes]]:
    """Return the newest events, oldest first, as JSON, behind its ETag: each event is opened when its turn comes.

    The totals are of the whole fleet: for nobody who is shown less. `next` is the `before` of the page with earlier
    events; null on the last page. An event never changes: the tag is made of the totals and of the events' marks.
    """
    limit, until = query["limit"], query["until"]
    before = query["before"] or (None if until is None else Mark(until, 0, 0, ()))
    found, totals = network.find_events(query["path"], query["name"], query["since"], limit + 1, before)
    more, page = len(found) > limit, found[len(found) - min(limit, len(found)) :]
    after = page[0].mark if more and page else None
    head = (dict.fromkeys(totals) if root else totals) | {"next": None if after is None else format_mark(after)}
    start = json.dumps(head)
    return tag_of("\n".join([start, *(format_mark(event.mark) for event in page)]).encode()), _written(start, page)


def _written(head: str, page: list[FleetEvent]) -> Iterator[bytes]:
    chunk = head.encode()[:-1] + b', "events": ['
    for place, event in enumerate(page):
        if len(chunk) > _CHUNK:
            yield chunk
            chunk = b""
        chunk += (b", " if place else b"") + json_bytes(event_of(event)).rstrip()
    yield chunk + b"]}\n"


def event_of(listed: FleetEvent) -> dict[str, Any]:
    """Return one event."""
    event = listed.open()
    return {
        "path": format_path(listed.path),
        "epoch": epoch_name(listed.epoch),
        "number": listed.number,
        "received": listed.received,
        "timestamp": event.timestamp,
        "name": event.name,
        "value": event.value,
        "labels": event.labels,
        "metadata": event.metadata,
    }


def conflicts(network: NetworkCollector, under: Path, limit: int, offset: int) -> dict[str, Any]:
    """Return the families that cannot all be shown, with the nodes that have each variant; a page of them."""
    return network.inventory(lambda fleet: fleet.conflicts(limit, offset, under))


def retired(network: NetworkCollector) -> dict[str, Any]:
    """Return the counts that are no longer exported: of label sets that left, and of nodes that retired."""
    return network.inventory(lambda fleet: fleet.retired())


def readiness(late: int, network: NetworkCollector, *, names: bool) -> str:
    """Say on what a ready aggregator's numbers stand; `names`: paths may be named, as everybody may ask."""
    texts = [f"the counts of {late} writers wait for a keyframe"] if late else []
    if unread := network.unread.under(()):
        nodes = sum(count for _, count in unread)
        which = ", ".join(f"{format_path(path)} ({count} nodes)" for path, count in unread[:_MOST_NAMED])
        more = "" if names and len(unread) <= _MOST_NAMED else "; /api/status names them"
        list_of = f": {which}" if names else ""
        texts.append(f"no aggregator reads {len(unread)} branches, {nodes} nodes are in no number{list_of}{more}")
    return "; ".join(["ready", *texts]) + "\n"


def silences(service: Status, root: Path) -> list[dict[str, Any]]:
    """Return the silences that are for a place at or under a path, as Alertmanager writes them."""
    return [one for one in service.silences() if not root or f"{one['path']}/".startswith(f"{format_path(root)}/")]


def status(network: NetworkCollector, service: Status, root: Path = (), can: Sequence[str] = ()) -> dict[str, Any]:
    """Return what the numbers at and under a path stand on; the streams are of the whole fleet.

    Args:
        network: The numbers.
        service: The service behind them.
        root: The path.
        can: The things that may be changed over HTTP by the login that asks.
    """
    ready, reason = service.ready()
    return {
        "ready": ready,
        "reason": reason,
        "connected": service.is_connected(),
        "current": service.is_current(),
        "version": __version__,
        "wire_version": VERSION,
        "path": format_path(root),
        **network.inventory(lambda fleet: fleet.summary(root)),
        "quarantined": network.quarantined(root),
        "can": list(can),
        "unread": [{"path": format_path(path), "nodes": count} for path, count in network.unread.under(root)],
        "commands_unread": {} if root else dict(service.unread_commands()),
        "streams": [] if root else [asdict(stream) for stream in service.streams()],
        "pair": [] if root else service.pair(),
        "memory": None if root else service.memory(),
    }
