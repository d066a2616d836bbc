"""Samples from OpenMetrics text with timestamps: a sample a line, in seconds with milliseconds, in any order."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from fog_aggregator.promql.labels import NAME, Labels, make_labels
from fog_aggregator.promql.memory import MemoryStorage
from fog_aggregator.promql.storage import STALE

_SAMPLE: Final = re.compile(
    r'(?P<name>[a-zA-Z_:][\w:]*)?(?P<labels>\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+'
    r"(?P<value>\S+)(?:[ \t]+(?P<time>[^\s#]\S*))?[ \t]*(?P<exemplar>\# .*)?"
)
_LABEL: Final = re.compile(
    r'\s*(?:(?P<name>[a-zA-Z_][\w]*|"(?:[^"\\]|\\.)*")\s*=\s*"(?P<value>(?:[^"\\]|\\.)*)"|"(?P<metric>(?:[^"\\]|\\.)*)")\s*(?:,|$)'
)
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"n": "\n", "\\": "\\", '"': '"'}
_MAX_TIME: Final = 2.0**53


class OpenMetricsError(ValueError):
    """A line that cannot be read."""


def read_openmetrics(text: str) -> MemoryStorage:
    """Read samples with timestamps; the value `stale` is a stale marker, and families may be of any type.

    Raises:
        OpenMetricsError: for a line that is no sample, has no time, or says a second value for the same time.
    """
    found: dict[Labels, dict[int, float]] = {}
    ended = False
    for number, line in enumerate(text.split("\n"), 1):
        if ended and line.strip():
            raise OpenMetricsError(f"line {number}: nothing may follow # EOF")
        if line.startswith("#"):
            ended = line.strip() == "# EOF"
        elif line.strip():
            labels, time, value = _sample(line.strip(), number)
            samples = found.setdefault(labels, {})
            if samples.setdefault(time, value) is not value:
                raise OpenMetricsError(f"line {number}: a second sample of the same series at {time / 1000}")
    return MemoryStorage({labels: _columns(samples) for labels, samples in found.items()})


def _columns(
    samples: dict[int, float],
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    times = np.fromiter(samples, np.int64, len(samples))
    values = np.fromiter(samples.values(), np.float64, len(samples))
    order = np.argsort(times)
    return times[order], values[order]


def _sample(line: str, number: int) -> tuple[Labels, int, float]:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise OpenMetricsError(f'line {number}: {line[:80]!r} is no sample: write name{{label="value"}} value time')
    if match["time"] is None:
        raise OpenMetricsError(f"line {number}: the sample has no timestamp: write its seconds after the value")
    labels = _labels(match["name"], match["labels"], number)
    return labels, _time(match["time"], number), _value(match["value"], number)


def _labels(name: str | None, braces: str | None, number: int) -> Labels:
    pairs = {NAME: name} if name else {}
    body = (braces or "{}")[1:-1]
    position = 0
    while position < len(body) and body[position:].strip():
        match = _LABEL.match(body, position)
        if match is None:
            raise OpenMetricsError(f"line {number}: the labels {braces} cannot be read at {body[position:][:40]!r}")
        key = NAME if match["metric"] is not None else _unescape(match["name"].strip('"'))
        if key in pairs:
            raise OpenMetricsError(f"line {number}: the label {key} is given twice")
        pairs[key] = _unescape(match["metric"] if match["metric"] is not None else match["value"])
        position = match.end()
    if not pairs.get(NAME):
        raise OpenMetricsError(f"line {number}: the sample has no name")
    return make_labels(pairs)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text) if "\\" in text else text


def _time(text: str, number: int) -> int:
    try:
        milliseconds = float(text) * 1000
    except ValueError:
        milliseconds = float("nan")
    if not abs(milliseconds) < _MAX_TIME:
        raise OpenMetricsError(f"line {number}: the timestamp {text} is not a number of seconds")
    return round(milliseconds)


def _value(text: str, number: int) -> float:
    if text == "stale":
        return STALE
    try:
        return float(text.replace("_", "?"))
    except ValueError:
        raise OpenMetricsError(f"line {number}: the value {text} is not a number, and not `stale`") from None
