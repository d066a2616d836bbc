"""Prometheus text, versions 0.0.4 and 1.0.0.

For the names this library allows the two are the same text: 1.0.0 adds quoting for names outside of the classic
alphabet. Neither has units, exemplars, timestamps, `_created` (it would be a series of its own) or an end mark.
"""

from collections.abc import Iterable, Iterator

from utilityfog_frontend.telemetry.model import FamilySnapshot

from .kinds import text_lines
from .samples import in_chunks


def iter_text(families: Iterable[FamilySnapshot]) -> Iterator[bytes]:
    """Return the text in chunks of about 64 kB, in the order given."""
    return in_chunks(_lines(families))


def generate_text(families: Iterable[FamilySnapshot]) -> bytes:
    """Return the text as a whole."""
    return b"".join(iter_text(families))


def _lines(families: Iterable[FamilySnapshot]) -> Iterator[list[str]]:
    between = ""
    for snapshot in families:
        family = snapshot.family
        name = family.name
        help_text = family.help.replace("\\", r"\\").replace("\n", r"\n")
        yield [f"{between}# HELP {name} {help_text}\n# TYPE {name} {family.type.exposed}\n"]
        between = "\n"
        yield from text_lines(snapshot)
