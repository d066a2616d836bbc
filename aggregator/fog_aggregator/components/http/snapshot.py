"""The JSON snapshot of a view, written while its series are made."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

from utilityfog_frontend.telemetry.exposition.json import plain_json
from utilityfog_frontend.telemetry.model import FamilySnapshot, MetricValue, metric_values

_SERIES_A_CHUNK: Final = 500


def snapshot_chunks(families: Iterable[FamilySnapshot], timestamp: float, rest: Mapping[str, Any]) -> Iterator[bytes]:
    """Return the same as `MetricsSource.get_snapshot` as JSON, a chunk at a time.

    Args:
        families: what to show.
        timestamp: of the snapshot and of each value, unix seconds.
        rest: what follows the metrics.
    """
    yield b'{"timestamp": %s, "metrics": {' % json.dumps(timestamp).encode()
    between = ""
    for snapshot in families:
        yield f"{between}{json.dumps(snapshot.family.name)}: ".encode()
        yield from _metric(snapshot, timestamp)
        between = ", "
    yield b"}, " + json.dumps(plain_json(dict(rest))).encode()[1:] + b"\n"


def _metric(snapshot: FamilySnapshot, timestamp: float) -> Iterator[bytes]:
    """One value when there is one series, and it is no histogram; else a list."""
    values: Iterator[MetricValue | list[MetricValue]]
    values = (metric_values(snapshot.family, one, timestamp) for one in snapshot.series)
    if len(snapshot.series) == 1:
        value = next(values)
        if isinstance(value, MetricValue):
            yield _json(value)
            return
        values = iter([value])
    flat = chain.from_iterable([value] if isinstance(value, MetricValue) else value for value in values)
    between = b"["
    while part := list(islice(flat, _SERIES_A_CHUNK)):
        yield between + b", ".join(map(_json, part))
        between = b", "
    yield b"]" if between == b", " else b"[]"


def _json(value: MetricValue) -> bytes:
    plain = {"value": value.value, "labels": value.labels, "timestamp": value.timestamp}
    return json.dumps(plain_json(plain), allow_nan=False).encode()
