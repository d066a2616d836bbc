"""The subcommands, one module each, imported only when called for.

A command's module has `Settings` (a frozen dataclass of options), `run(settings) -> exit code`, and a docstring that
`--help` shows. Heavy modules are imported `later`: completions and `fog check` load every module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fog_cli.config import Option, options_of
from fog_cli.errors import UsageError
from fog_cli.later import imported

SUMMARIES: Final = {
    "demo": "run a whole fog on this machine",
    "agent": "report this machine's metrics",
    "run": "run a command and report how it went",
    "emit": "report a value from a script",
    "aggregator": "merge the fog's metrics and serve them",
    "top": "show what is wrong, and any place, in a terminal",
    "tree": "print the tree and the state of its nodes",
    "nodes": "print nodes, the worst first",
    "alerts": "print what is wrong, where and since when",
    "events": "print the fleet's events",
    "query": "evaluate a PromQL expression",
    "explain": "say why a number is what it is",
    "blame": "say which part of the tree a change comes from",
    "audit": "hold the nodes' own counts against the aggregator's",
    "quarantine": "take a path out of the numbers, or in again",
    "forget": "retire departed nodes now",
    "rebase": "let a branch that has lost counts count on",
    "silence": "keep alerts from receivers for a while",
    "streams": "create the streams, or say how they differ",
    "token": "make a login for the aggregator's HTTP interface",
    "creds": "make credentials for NATS",
    "decode": "print frames for a person",
    "check": "say whether configuration and rule files are fine",
    "test": "run unit tests of rule files",
    "swarm": "generate the load of a large fleet",
    "completion": "print the completions of a shell",
}


FOLDERS: Final = {
    **dict.fromkeys(("creds", "forget", "quarantine", "rebase", "silence", "token"), "operator"),
    **dict.fromkeys(("alerts", "events", "nodes", "top", "tree"), "look"),
    **dict.fromkeys(("emit", "run"), "jobs"),
    **dict.fromkeys(("demo", "swarm"), "trial"),
}
"""The commands whose modules are in folders: for operators, of jobs, what shows a fleet, and made-up fleets."""


@dataclass(frozen=True, slots=True)
class Command:
    """One subcommand, loaded."""

    name: str
    settings: type[Any]
    run: Callable[[Any], int]
    description: str


def load(name: str) -> Command:
    """Return the command of that name.

    Raises:
        UsageError: when no command has it, with the nearest name.
    """
    if name not in SUMMARIES:
        import difflib  # only for who has mistyped

        near = difflib.get_close_matches(name, SUMMARIES, n=1)
        hint = f"did you mean fog {near[0]}?" if near else "fog --help lists the commands"
        raise UsageError(f"{name} is not a command; {hint}")
    folder = f"{FOLDERS[name]}." if name in FOLDERS else ""
    module = imported(f"fog_cli.commands.{folder}{name}")
    return Command(name, module.Settings, module.run, module.__doc__ or SUMMARIES[name])


def all_options() -> list[Option]:
    """Return the options of every command, for what must know them all."""
    return [option for name in SUMMARIES for option in options_of(load(name).settings, name)]
