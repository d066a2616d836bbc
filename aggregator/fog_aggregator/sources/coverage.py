"""Say where numbers are of a part of the nodes only: by the coverage that is kept beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from fog_aggregator.history.routing import PATH, Level, NodeOwn, View, Whole
from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, label
from fog_aggregator.promql.storage import Part, is_stale
from fog_aggregator.sources.ports import ViewSource

SILENT: Final = frozenset(("stale", "missing"))
"""States of nodes whose numbers should be there and are old or absent. A node that has departed is known to be gone."""

PRESENT: Final = SILENT | {"live"}
MOST_NAMED: Final = 3
"""Groups that warnings name."""

_REACH: Final = 300_000
_NODES: Final = (Matcher(MatchKind.EQUAL, NAME, "fog_aggregator_nodes"),)


def partial_coverage(source: ViewSource, view: View, time: int) -> tuple[str, ...]:
    """Return a warning for each group of a view with silent nodes at a moment; for many groups, of the first ones.

    Args:
        source: Keeps the coverage of the view's groups, as the family that /metrics shows beside them.
        view: The view.
        time: The moment in milliseconds.
    """
    if isinstance(view, NodeOwn):
        return ()  # a node's own past ends where the node fell silent, for everybody to see
    if isinstance(view, Level) and source.holds(Whole()) and not _count(source, Whole(), time)[0]:
        return ()  # one small look instead of one at each group
    silent, present = _count(source, view, time)
    found = sorted(silent)
    warnings = [f"{silent[path]} of {present[path]} nodes{_under(path)} were silent" for path in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        warnings.append(f"nodes under {len(found) - MOST_NAMED} more paths were silent")
    return tuple(warnings)


def _count(source: ViewSource, view: View, time: int) -> tuple[Counter[str], Counter[str]]:
    """Add up the newest counts of silent nodes, and of all that should be heard, for each path that has any."""
    silent: Counter[str] = Counter()
    present: Counter[str] = Counter()
    for part in source.select(view, _NODES, time - _REACH, time).parts:
        for labels, value in _newest(part):
            path, state = label(labels, PATH), label(labels, "state")
            if value and state in PRESENT:
                present[path] += round(value)
                if state in SILENT:
                    silent[path] += round(value)
    return silent, present


def _newest(part: Part) -> Iterator[tuple[Labels, float]]:
    """Give the last sample of each series that has one and has not ended."""
    if part.offsets is None:
        last = part.values[:, -1] if part.times.size else np.empty(0)
        rows = list(range(last.size))
    else:
        rows = np.flatnonzero(np.diff(part.offsets) > 0).tolist()
        last = part.values[part.offsets[1:][rows] - 1]
    ended = is_stale(np.ascontiguousarray(last)).tolist()
    for row, value, has_ended in zip(rows, last.tolist(), ended, strict=True):
        if not has_ended:
            yield part.labels[row], value


def _under(path: str) -> str:
    return f" under {path}" if path else ""
