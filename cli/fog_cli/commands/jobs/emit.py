"""Tells the agent of this machine a value: what a counter goes up by, what a gauge is, one observation, an event.

  fog emit orders_imported_total 12 shop=berlin
  fog emit queue_length 7
  fog emit import_seconds=histogram 1.25
  fog emit certificate_renewed=event 'until May' host=www
  report | fog emit -

Without a type, a name with _total at its end is a counter, any other a gauge. With - it takes lines of the text format,
whose counters are what to add, or of statsd. See docs/sources.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILE, WORDS
from fog_cli.jobs.command import work
from fog_cli.jobs.telling import SOCKET, SPOOL


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog emit`."""

    words: tuple[str, ...] = option((), "NAME[=type] VALUE [label=value ...], or -", WORDS, positional=True)
    sync: bool = switch("wait until the agent says that it has counted it, 2 s at most")
    socket: str = option(SOCKET, "the agent's socket for jobs", FILE)
    spool: str = option(SPOOL, "directory for what is told while no agent listens", FILE)


def run(settings: Settings) -> int:
    """Tell it; 0, or 1 when the agent refused it."""
    options = {"socket": settings.socket, "spool": settings.spool, "sync": "on" if settings.sync else ""}
    return work("emit", options, [*settings.words])
