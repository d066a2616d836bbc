"""Begin `fog top`."""

from __future__ import annotations

import sys
import time

from fog_cli.api import Api
from fog_cli.commands.look.top import Settings
from fog_cli.errors import UsageError
from fog_cli.top.app import Top
from fog_cli.top.screen.state import Link, State, Where


def top(settings: Settings) -> int:
    """Show the page in this terminal until it is left; the exit code.

    Raises:
        UsageError: There is no terminal.
        CommandError: Nobody answers, or the login is not accepted.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("this is no terminal: fog alerts and fog nodes print the same")
    api = Api(settings.api.url)
    link = Link(api.url)
    status = api.json("/api/status")
    link.hear(status, time.time())
    path = settings.path.strip("/") or status["path"]
    return Top(api, State(Where(path, metric=settings.metric), link=link)).run() or 0
