"""Runs a command, and tells the agent of this machine how it went: when, for how long, with which exit code.

  fog run -- /usr/local/bin/backup --all
  fog run --name backup --tail -- sh -c 'pg_dump shop | restic backup --stdin'

Exit code, signals and streams are the command's own; 128 + n stands for signal n, 127 for a command that there is not.
Whatever goes wrong with telemetry is a line on standard error. See docs/sources.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILE, NAME, WORDS
from fog_cli.jobs.command import work
from fog_cli.jobs.telling import SOCKET, SPOOL


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog run`."""

    command: tuple[str, ...] = option((), "the command and its arguments, behind --", WORDS, positional=True)
    name: str = option("", "what the job is called (default: the command, without its folder)", NAME)
    tail: bool = switch("send the last 2 kB of standard error when it fails; it goes through a pipe then")
    sync: bool = switch("wait until the agent says that it has counted it, 2 s at most")
    socket: str = option(SOCKET, "the agent's socket for jobs", FILE)
    spool: str = option(SPOOL, "directory for what is told while no agent listens", FILE)


def run(settings: Settings) -> int:
    """Run it; the command's exit code."""
    options = {"name": settings.name, "socket": settings.socket, "spool": settings.spool}
    options |= {"tail": "on" if settings.tail else "", "sync": "on" if settings.sync else ""}
    return work("run", options, [*settings.command])
