"""Settings of the socket and the spool of jobs, read from the table `[jobs]` of the file of sources."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fog_agent.sources.datagrams import Address, read_address
from fog_agent.sources.statsd.lines import DIALECTS, STATSD
from fog_agent.sources.tables import Table

SOCKET: Final = "/run/fog/jobs.sock"
SPOOL: Final = "/var/spool/fog"
_KEPT: Final = 2**32


@dataclass(frozen=True, slots=True)
class JobsSettings:
    """The table `[jobs]`.

    Attributes:
        name: names the source.
        address: the socket.
        spool: a directory for what is told while nobody listens.
        allow_uid: the users who may tell something; empty for all who get at the socket.
        rate: lines a second that each user may tell over the socket; ten times as many at once.
        max_series: series of each user.
        dialect: how lines of statsd are read.
    """

    name: str
    address: Address
    spool: Path
    allow_uid: frozenset[int] = frozenset()
    rate: int = 1_000
    max_series: int = 1_000
    dialect: str = STATSD


def read(table: Table) -> JobsSettings:
    """Read the table.

    Raises:
        ValueError: names the key and the value that cannot be used.
    """
    name, socket, group = table.text("name"), table.text("socket", SOCKET), table.text("group", "")
    try:
        address = read_address(f"unix:{socket}", group=group)
    except ValueError as error:
        raise ValueError(f"socket: {error}") from None
    spool = Path(table.text("spool", SPOOL))
    if not spool.is_absolute():
        raise ValueError(f"spool = {str(spool)!r}: must be an absolute path")
    allowed = frozenset(_uid(one) for one in table.numbers("allow_uid", ()))
    rate, series = table.integer("rate", 1, 1_000_000, 1_000), table.integer("max_series", 1, 10_000, 1_000)
    dialect = table.choice("dialect", DIALECTS, STATSD)
    table.end()
    return JobsSettings(name, address, spool, allowed, rate, series, dialect)


def _uid(number: Any) -> int:
    if number != int(number) or not 0 <= number < _KEPT:
        raise ValueError(f"allow_uid: {number:g} is no user's number")
    return int(number)
