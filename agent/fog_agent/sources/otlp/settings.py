"""Settings of a receiver of OTLP, read from a table of the file of sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_agent.sources.datagrams import Address, read_address
from fog_agent.sources.otlp.limits import Limits
from fog_agent.sources.tables import Table

MOST_PROMOTED: Final = 16


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """One `[[otlp]]` table.

    Attributes:
        name: names the source.
        address: where it listens.
        promote: attributes of resources that become labels; all others are dropped.
        scope_labels: whether series bear the name and version of their scope.
        limits: bounds of all that it holds.
    """

    name: str
    address: Address
    promote: tuple[str, ...]
    scope_labels: bool
    limits: Limits


def read(table: Table) -> OtlpSettings:
    """Read a table.

    Raises:
        ValueError: names the key and the value that cannot be used.
    """
    name = table.text("name")
    address = _address(table)
    promote = table.texts("promote", ("service.name",))
    scope_labels = table.flag("scope_labels")
    limits = Limits(
        table.integer("max_processes", 1, 100_000, Limits().resources),
        table.integer("max_series", 1, 100_000, Limits().series),
        table.integer("max_new_series_per_second", 1, 100_000, Limits().new_series),
        table.seconds("idle", 60, 604_800, Limits().idle),
        table.seconds("stale", 1, 604_800, Limits().stale),
    )
    table.end()
    if len(promote) > MOST_PROMOTED:
        raise ValueError(f"promote has {len(promote)} attributes: give {MOST_PROMOTED} at most")
    if limits.stale > limits.idle:
        raise ValueError(f"stale = {limits.stale:g}: must not be longer than idle, which is {limits.idle:g}")
    return OtlpSettings(name, address, promote, scope_labels, limits)


def _address(table: Table) -> Address:
    listen, insecure = table.text("listen"), table.flag("insecure")
    try:
        address = read_address(listen, insecure=insecure)
    except ValueError as error:
        raise ValueError(f"listen: {error}") from None
    if address.path:
        raise ValueError(f"listen: {listen!r}: no exporter of OTLP can post to a unix socket; write 127.0.0.1:4318")
    return address
