"""Parts that all text formats share: numbers, labels, and the lines of samples."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from math import inf, isnan
from typing import NamedTuple

from utilityfog_frontend.telemetry.kinds import histogram_of
from utilityfog_frontend.telemetry.labels import render_labels
from utilityfog_frontend.telemetry.model import Exemplar, Family, SeriesSnapshot

LINES_A_CHUNK = 1_000
"""At about 64 bytes a line, chunks of 64 kB."""

EXEMPLAR_LIMIT = 128
"""Code points that the label names and values of an exemplar may have together."""

_EXPONENT_FROM = 1e16  # as Python's repr
_SCIENTIFIC_FROM = 1e6  # as Go's shortest %g


class Columns(NamedTuple):
    """Counters or gauges of one family, at least one, as columns of one length.

    Attributes:
        labels: of each, as `render_labels` writes them.
        values: all of them int, or all float.
        created: when each began to count, unix seconds, None where that is not known; nothing at all if not asked for.
    """

    labels: list[str]
    values: list[int] | list[float]
    created: list[float | None]


class ColumnSeries(Sequence[SeriesSnapshot]):
    """Series that are written without an object for each: a million of them would take too long to make."""

    @abstractmethod
    def columns(self, *, created: bool) -> Iterator[Columns]:
        """Return the same series, all or some at a time; not of histograms."""


def render_number(value: float) -> str:
    """Write a number as every Prometheus parser reads it back: integers without a fraction, `NaN`, `+Inf`, `-Inf`."""
    if type(value) is int:
        return str(value)
    if isnan(value):
        return "NaN"
    if value in (inf, -inf):
        return "+Inf" if value > 0 else "-Inf"
    if abs(value) < _EXPONENT_FROM and value == int(value):
        return str(int(value))
    return repr(float(value))


def _render_float(value: float) -> str:
    """As `render_number`, faster for fractions."""
    return repr(value) if value % 1.0 > 0 else render_number(value)


def render_bound(bound: float) -> str:
    """Write the value of an `le` label: always a float (`1.0`, `0.005`, `1e+06`), as Prometheus 3 does."""
    if bound == inf:
        return "+Inf"
    text = repr(float(bound))
    if abs(bound) < _SCIENTIFIC_FROM or "e" in text:
        return text
    digits = len(text.partition("e")[0].replace(".", "").strip("-0"))
    return f"{bound:.{digits - 1}e}"


def chunks(series: Iterable[SeriesSnapshot], lines: int = 1) -> Iterator[list[SeriesSnapshot]]:
    """Return some series at a time, as many as make a chunk; `lines`: how many lines each has."""
    remaining, together = iter(series), max(1, LINES_A_CHUNK // lines)
    while part := list(islice(remaining, together)):
        yield part


def in_chunks(parts: Iterable[list[str]]) -> Iterator[bytes]:
    """Join lines into chunks worth sending."""
    lines: list[str] = []
    for part in parts:
        lines += part
        if len(lines) >= LINES_A_CHUNK:
            yield _encoded(lines)
            lines.clear()
    if lines:
        yield _encoded(lines)


def _encoded(lines: list[str]) -> bytes:
    """Lone surrogates, as in file names that are no UTF-8, become question marks, as they do on the bus."""
    return "".join(lines).encode(errors="replace")


def number_lines(name: str, series: Iterable[SeriesSnapshot], created_name: str = "") -> Iterator[list[str]]:
    """Return the samples of counters or gauges, in parts.

    Each is followed by its time of creation if `created_name` says how that is called.
    """
    if isinstance(series, ColumnSeries):
        return (_column_lines(name, part, created_name) for part in series.columns(created=bool(created_name)))
    return (_number_lines(name, part, created_name) for part in chunks(series))


def _number_lines(name: str, series: list[SeriesSnapshot], created_name: str) -> list[str]:
    """Write simple samples: this loop is what a scrape of a million series costs."""
    lines = []
    for one in series:
        value = one.value
        text = value if type(value) is int else render_number(value)  # type: ignore[arg-type]
        labels = one.rendered
        if labels is None:
            labels = render_labels(one.labels)
        lines.append(f"{name}{{{labels}}} {text}\n" if labels else f"{name} {text}\n")
        if created_name and one.created is not None:
            lines.append(_created_line(created_name, labels, one.created))
    return lines


def _column_lines(name: str, columns: Columns, created_name: str) -> list[str]:
    """Write samples of arrays: this loop is what a scrape of a fleet costs."""
    labels, values, created = columns
    texts: Iterable[object] = map(_render_float, values) if type(values[0]) is float else values
    lines = [f"{name}{{{of}}} {text}\n" if of else f"{name} {text}\n" for of, text in zip(labels, texts, strict=True)]
    if not created_name:
        return lines
    times = zip(lines, labels, created, strict=True)
    return [line if time is None else line + _created_line(created_name, of, time) for line, of, time in times]


def histogram_lines(family: Family, series: Iterable[SeriesSnapshot], *, openmetrics: bool = False) -> list[str]:
    """Return the samples of histograms: buckets, cumulative and ascending, then sum and count.

    With OpenMetrics exemplars and times of creation as well, and no sum nor count where the sum may be negative, as
    it would not be a counter.
    """
    name = family.name
    ends = [f'le="{render_bound(bound)}"}} ' for bound in (*family.bounds, inf)]
    signed = min(family.bounds, default=0) < 0
    lines = []
    for one in series:
        value = histogram_of(one.value, name)
        labels = render_labels(one.labels) if one.rendered is None else one.rendered
        bucket = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
        counts = accumulate(value.counts)
        buckets = [f"{bucket}{end}{count}" for end, count in zip(ends, counts, strict=True)]
        if openmetrics:
            for index, exemplar in (one.exemplars or {}).items():
                buckets[index] += _render_exemplar(exemplar)
        lines.append("\n".join(buckets) + "\n")
        braced = f"{{{labels}}}" if labels else ""
        if not openmetrics or not (signed or value.sum < 0):
            lines.append(f"{name}_sum{braced} {render_number(value.sum)}\n{name}_count{braced} {value.count}\n")
        if openmetrics and one.created is not None:
            lines.append(_created_line(name + "_created", labels, one.created))
    return lines


def _render_exemplar(exemplar: Exemplar) -> str:
    if sum(len(name) + len(value) for name, value in exemplar.labels) > EXEMPLAR_LIMIT:
        return ""
    return f" # {{{render_labels(exemplar.labels)}}} {render_number(exemplar.value)} {exemplar.timestamp!r}"


def _created_line(name: str, labels: str, created: float) -> str:
    return f"{name}{{{labels}}} {created!r}\n" if labels else f"{name} {created!r}\n"
