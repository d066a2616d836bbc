"""OpenMetrics 1.0: stricter than Prometheus text, and with units, exemplars, times of creation and an end mark."""

from collections.abc import Iterable, Iterator

from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType
from utilityfog_frontend.telemetry.names import base_name

from .samples import chunks, histogram_lines, in_chunks, number_lines


def iter_openmetrics(families: Iterable[FamilySnapshot]) -> Iterator[bytes]:
    """Return the text in chunks of about 64 kB. Its `# EOF` comes only when all before it was written."""
    return in_chunks(_lines(families))


def generate_openmetrics(families: Iterable[FamilySnapshot]) -> bytes:
    """Return the text as a whole."""
    return b"".join(iter_openmetrics(families))


def _lines(families: Iterable[FamilySnapshot]) -> Iterator[list[str]]:
    for snapshot in families:
        family = snapshot.family
        yield [_header(family)]
        yield from _samples(snapshot)
    yield ["# EOF\n"]


def _header(family: Family) -> str:
    name = base_name(family)
    help_text = family.help.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    return f"# TYPE {name} {family.type.value}\n{unit}# HELP {name} {help_text}\n"


def _samples(snapshot: FamilySnapshot) -> Iterator[list[str]]:
    family, series = snapshot.family, snapshot.series
    name = base_name(family)
    if family.type is MetricType.GAUGE:
        return number_lines(name, series)
    if family.type is MetricType.HISTOGRAM:
        return (histogram_lines(family, part, openmetrics=True) for part in chunks(series))
    return number_lines(name + "_total", series, name + "_created")
