"""What all text formats share: numbers, labels, and the lines of samples."""

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, islice
from math import inf, isnan

from utilityfog_frontend.telemetry.labels import render_labels
from utilityfog_frontend.telemetry.model import Family, HistogramValue, SeriesSnapshot

LINES_A_CHUNK = 1_000
"""At about 64 bytes a line, chunks of 64 kB."""

_EXACT = 2**53
_SCIENTIFIC_FROM = 1e6  # as Go's shortest %g


def render_number(value: float) -> str:
    """A number as every Prometheus parser reads it back: whole ones without a fraction, `NaN`, `+Inf`, `-Inf`."""
    if type(value) is int:
        return str(value)
    if isnan(value):
        return "NaN"
    if value in (inf, -inf):
        return "+Inf" if value > 0 else "-Inf"
    if -_EXACT < value < _EXACT and value == int(value):
        return str(int(value))
    return repr(float(value))


def render_bound(bound: float) -> str:
    """The value of an `le` label: always a float (`1.0`, `0.005`, `1e+06`), the text that Prometheus 3 makes of it."""
    if bound == inf:
        return "+Inf"
    text = repr(float(bound))
    if abs(bound) < _SCIENTIFIC_FROM:
        return text
    digits = len(text.partition("e")[0].replace(".", "").strip("-0"))
    return f"{bound:.{digits - 1}e}"


def chunks(series: Iterable[SeriesSnapshot]) -> Iterator[list[SeriesSnapshot]]:
    """`series` in parts; each is asked for once, and may be made on the fly."""
    remaining = iter(series)
    while part := list(islice(remaining, LINES_A_CHUNK)):
        yield part


def in_chunks(parts: Iterable[list[str]]) -> Iterator[bytes]:
    """Lists of lines, joined into chunks worth sending."""
    lines: list[str] = []
    for part in parts:
        lines += part
        if len(lines) >= LINES_A_CHUNK:
            yield "".join(lines).encode()
            lines.clear()
    if lines:
        yield "".join(lines).encode()


def number_lines(name: str, series: Iterable[SeriesSnapshot]) -> list[str]:
    """The samples of counters or gauges. This loop is what a scrape of a million series costs."""
    lines = []
    for one in series:
        value = one.value
        text = value if type(value) is int else render_number(value)  # type: ignore[arg-type]
        labels = labels_of(one)
        lines.append(f"{name}{{{labels}}} {text}\n" if labels else f"{name} {text}\n")
    return lines


Suffix = Callable[[SeriesSnapshot, int], str]
"""What follows the value of a bucket, by its index: an exemplar, or nothing."""


def histogram_lines(
    family: Family, series: Iterable[SeriesSnapshot], suffix: Suffix = lambda _series, _index: ""
) -> list[str]:
    """The samples of histograms: buckets, cumulative and ascending, then sum and count."""
    name = family.name
    ends = [f'le="{render_bound(bound)}"}} ' for bound in (*family.bounds, inf)]
    lines = []
    for one in series:
        value = one.value
        if not isinstance(value, HistogramValue):
            raise TypeError(f"a series of the histogram {name!r} has the value {value!r}")
        labels = labels_of(one)
        bucket = f"{name}_bucket{{{labels}," if labels else f"{name}_bucket{{"
        cumulative = accumulate(value.counts)
        if one.exemplars:
            lines += [
                f"{bucket}{end}{count}{suffix(one, index)}\n"
                for index, (end, count) in enumerate(zip(ends, cumulative, strict=True))
            ]
        else:
            lines += [f"{bucket}{end}{count}\n" for end, count in zip(ends, cumulative, strict=True)]
        braced = f"{{{labels}}}" if labels else ""
        lines.append(f"{name}_sum{braced} {render_number(value.sum)}\n{name}_count{braced} {value.count}\n")
    return lines


def labels_of(series: SeriesSnapshot) -> str:
    """The rendered labels, from the cache of whoever made the snapshot when it has one."""
    rendered = series.rendered
    return render_labels(series.labels) if rendered is None else rendered
