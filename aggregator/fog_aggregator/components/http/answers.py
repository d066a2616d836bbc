"""Answer the JSON interface, as plain values. Each may take a while with a large fleet: call them in a thread."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fog_aggregator.components.http.status import Status
from fog_aggregator.core.fleet.event_list import FleetEvent
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.explanation import epoch_name
from fog_schema import __version__
from fog_schema.frames import VERSION
from fog_schema.paths import Path, format_path


def tree(network: NetworkCollector, under: Path, depth: int) -> dict[str, Any]:
    """Return the tree from a path down, as deep as asked for or as fits."""
    return network.inventory(lambda fleet: fleet.tree(under, depth))


def nodes(network: NetworkCollector, under: Path, state: str | None, limit: int, offset: int) -> dict[str, Any]:
    """Return the nodes at and under a path, in path order, a page of them."""
    return network.inventory(lambda fleet: fleet.nodes(under, state, limit, offset))


def events(
    network: NetworkCollector, under: Path, name: str | None, since: float | None, limit: int, root: Path = ()
) -> dict[str, Any]:
    """Return the newest events, oldest first, with totals of the whole fleet: for nobody who is shown less."""
    found, totals = network.find_events(under, name, since, limit)
    return {**(dict.fromkeys(totals) if root else totals), "events": [event_of(event) for event in found]}


def event_of(event: FleetEvent) -> dict[str, Any]:
    """Return one event."""
    return {
        "path": format_path(event.path),
        "epoch": epoch_name(event.epoch),
        "number": event.number,
        "received": event.received,
        "timestamp": event.timestamp,
        "name": event.name,
        "value": event.value,
        "labels": event.labels,
        "metadata": event.metadata,
    }


def conflicts(network: NetworkCollector) -> dict[str, Any]:
    """Return the families that cannot all be shown, with the nodes that have each variant."""
    return {"families": network.inventory(lambda fleet: fleet.conflicts())}


def retired(network: NetworkCollector) -> dict[str, Any]:
    """Return the counts that are no longer exported: of label sets that left, and of nodes that retired."""
    return network.inventory(lambda fleet: fleet.retired())


def silences(service: Status, root: Path) -> list[dict[str, Any]]:
    """Return the silences that are for a place at or under a path, as Alertmanager writes them."""
    return [one for one in service.silences() if not root or f"{one['path']}/".startswith(f"{format_path(root)}/")]


def status(network: NetworkCollector, service: Status, root: Path = ()) -> dict[str, Any]:
    """Return what the numbers at and under a path stand on; the streams are of the whole fleet."""
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
        "streams": [] if root else [asdict(stream) for stream in service.streams()],
    }
