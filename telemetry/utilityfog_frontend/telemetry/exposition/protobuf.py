"""Prometheus' protobuf: delimited messages of `io.prometheus.client.MetricFamily`, with times of creation.

It is the one format of scrapes that carries native histograms. A large family comes in several messages of the same
name, so that none of them is long in memory.
"""

from collections.abc import Iterable, Iterator

from utilityfog_frontend.telemetry.model import FamilySnapshot

from . import wire
from .kinds import protobuf_kind
from .messages import label_pairs, present
from .samples import chunks


def iter_protobuf(families: Iterable[FamilySnapshot]) -> Iterator[bytes]:
    """Return the messages, each with its length before it."""
    for snapshot in families:
        family = snapshot.family
        number, write = protobuf_kind(family)
        head = wire.block(1, wire.encoded(family.name)) + wire.block(2, wire.encoded(family.help)) + present(3, number)
        unit = wire.text(5, family.unit)
        for part in chunks(snapshot.series, len(family.bounds) + 1):
            metrics = [wire.block(4, label_pairs(one.labels) + write(family, one)) for one in part]
            data = b"".join((head, *metrics, unit))
            yield wire.varint(len(data)) + data


def generate_protobuf(families: Iterable[FamilySnapshot]) -> bytes:
    """Return all messages as a whole."""
    return b"".join(iter_protobuf(families))
