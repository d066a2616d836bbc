"""Read what nodes tell of themselves (version, os, role, …): to group them by, and as a family of its own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.series import Labels
from fog_aggregator.query.samples import PATH
from fog_aggregator.query.selection import Matcher
from fog_schema.paths import RETIRED, Path, format_path
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

NODE_INFO: Final = Family("fog_node_info", MetricType.GAUGE, "What a node tells of itself, always 1")
_NOT_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")


def info_of(fleet: Fleet, key: str) -> Callable[[Path], str]:
    """Return a function from a path to what its node tells for `key`; the empty text where nothing is known.

    Nothing is known of retired nodes, nor of a branch: what its aggregator tells is not true of the branch's nodes.
    """
    places = fleet.places

    def reported(path: Path) -> str:
        return places[path].node_info.get(key, "")

    return reported


def known_info(fleet: Fleet, paths: Iterable[Path]) -> list[tuple[Path, Mapping[str, str]]]:
    """List the information of some nodes; branches and groups of retired nodes are no nodes."""
    places = fleet.places
    return [(path, places[path].info) for path in paths if path[-1] != RETIRED and places[path].counts_itself]


def info_family(nodes: Iterable[tuple[Path, Mapping[str, str]]], matchers: Sequence[Matcher]) -> FamilySnapshot:
    """Make one sample of 1 for each node that the matchers select, its information as labels."""
    labelled = ((*_labels(info), (PATH, format_path(path))) for path, info in nodes)
    ordered = (tuple(sorted(labels)) for labels in labelled)
    series = [SeriesSnapshot(labels, 1) for labels in ordered if all(matcher.matches(labels) for matcher in matchers)]
    return FamilySnapshot(NODE_INFO, series)


def _labels(info: Mapping[str, str]) -> Labels:
    """Turn information into labels: a character that no name has becomes ``_``; keys that become one are joined."""
    values: dict[str, list[str]] = defaultdict(list)
    for key, value in sorted(info.items()):
        values[label_name(key)].append(value)
    return tuple((name, ";".join(several)) for name, several in values.items())


def label_name(key: str) -> str:
    """Turn a key into the name of a label; reserved names and ours get the prefix ``exported_``."""
    name = _NOT_A_NAME.sub("_", key)
    if name.startswith(("__", "fog_")):
        return f"exported_{name}"
    return f"_{name}" if not name or name[0].isdigit() else name
