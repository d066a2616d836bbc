"""OpenMetrics 1.0: stricter than Prometheus text, and with units, exemplars, times of creation and an end mark."""

from collections.abc import Iterable, Iterator

from utilityfog_frontend.telemetry.model import Family, FamilySnapshot
from utilityfog_frontend.telemetry.names import base_name

from .kinds import openmetrics_lines
from .samples import in_chunks


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
        yield from openmetrics_lines(snapshot)
    yield ["# EOF\n"]


def _header(family: Family) -> str:
    name = base_name(family)
    help_text = family.help.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    unit = f"# UNIT {name} {family.unit}\n" if family.unit else ""
    return f"# TYPE {name} {family.type.exposed}\n{unit}# HELP {name} {help_text}\n"
