"""The work of `fog quarantine`: a command in the stream, or a look at an aggregator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fog_cli.api import Api
from fog_cli.commands.operator.quarantine import Settings
from fog_cli.control import author, publish_command, warn_of_unknown
from fog_cli.errors import UsageError
from fog_cli.terminal import show_time
from fog_cli.words.text import printable
from fog_schema.commands import LIFT, QUARANTINE, Command


def quarantine(settings: Settings) -> int:
    """Take a path out, or in again, or list what is out.

    Raises:
        UsageError: For options that cannot work.
        CommandError: When NATS or the aggregator does not answer, or refuses.
    """
    if settings.list:
        if settings.path or settings.why or settings.lift:
            raise UsageError("--list takes nothing beside it")
        found = Api(settings.api.url).json("/api/status")["quarantined"]
        print("\n".join(map(_line, found)) or "nothing is in quarantine")
        return 0
    if not settings.path:
        raise UsageError("name the path: write fog quarantine PATH --why TEXT, or --list")
    if settings.lift and settings.why:
        raise UsageError("--why is the reason of a quarantine: a lift has none")
    if not (settings.lift or settings.why.strip()):
        raise UsageError("say why, for those who find the numbers gone: --why TEXT")
    what = LIFT if settings.lift else QUARANTINE
    command = Command(what, author=author(), comment="" if settings.lift else settings.why)
    publish_command(settings.nats, settings.prefix, settings.path, command, "fog quarantine")
    done = "counts again" if settings.lift else "leaves all numbers"
    print(f"{settings.path} {done} as soon as aggregators read this; fog quarantine --list shows what is out")
    if not settings.lift:
        warn_of_unknown(settings.api, settings.path, "the quarantine holds when something comes")
    return 0


def _line(one: Mapping[str, Any]) -> str:
    texts = (one["path"], show_time(one["since"]), one["author"], one["why"])
    return "  ".join(printable(text) for text in texts if text)
