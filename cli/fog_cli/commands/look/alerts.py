"""Prints what is wrong, one line for one cause: place, since when, and facts.

fog alerts
fog alerts fog/0 --json

Alerts of one cause are joined by place, as on the page: first those that fire, then nodes that are not live,
pending and silenced ones, and those that are over.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

from fog_bus.options import option, switch
from fog_bus.options.kinds import PATH, WHOLE
from fog_cli.api import Api, ApiSettings
from fog_cli.config import group
from fog_cli.live import pages
from fog_cli.terminal import Paint
from fog_cli.words.alerts import alert_lines
from fog_cli.words.numbers import count
from fog_cli.words.problems import read


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog alerts`."""

    path: str = option("", "only at and under this path", PATH, positional=True)
    limit: int = option(1000, "at most so many problems", WHOLE)
    json: bool = switch("print one JSON document")
    api: ApiSettings = group(ApiSettings)


def run(settings: Settings) -> int:
    """Print the problems."""
    api = Api(settings.api.url)
    answer = pages.problems(api, settings.path, settings.limit)
    api.say_missing("fog alerts")
    if settings.json:
        print(json.dumps(answer))
        return 0
    now: float = api.json("/api/status")["now"]
    paint = Paint()
    for line in alert_lines(read(answer), now):
        print(paint.line(line))
    shown, total = len(answer["problems"]), answer["total"]
    if shown < total:
        print(f"fog alerts: the first {count(shown)} of {count(total)}: --limit says how many", file=sys.stderr)
    return 0
