"""The work of `fog silence`."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fog_cli.api import Api
from fog_cli.commands.operator.silence import Settings
from fog_cli.control import author, publish_command, warn_of_unknown
from fog_cli.errors import UsageError
from fog_cli.terminal import Paint
from fog_cli.words.text import printable
from fog_schema.commands import OPERATORS, SILENCE, UNSILENCE, Command, Matcher

_MATCHER: Final = re.compile(r"\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(.*)", re.DOTALL)
_ALERT: Final = re.compile(r"[a-zA-Z_]\w*")


def silence(settings: Settings) -> int:
    """Add, list or expire silences.

    Raises:
        UsageError: For options that cannot work.
        CommandError: When NATS or the aggregator does not answer, or refuses.
    """
    if settings.action == "list":
        if settings.words:
            raise UsageError("list takes no matchers")
        return _list(settings)
    return _add(settings) if settings.action == "add" else _expire(settings)


def _add(settings: Settings) -> int:
    matchers = tuple(map(parse_matcher, settings.words))
    if not matchers:
        raise UsageError("name the alerts: write matchers, as in alertname=FogBranchSilent")
    _check(matchers)
    starts_at, ends_at = (_moment(text) if text else 0 for text in (settings.start, settings.end))
    number = str(uuid.uuid4())
    command = Command(
        SILENCE,
        number,
        settings.author or author(),
        settings.comment,
        matchers,
        starts_at,
        ends_at,
        0 if ends_at else int(settings.duration * 1000),
    )
    publish_command(settings.nats, settings.prefix, settings.path, command, "fog silence")
    print(number)
    warn_of_unknown(settings.api, settings.path, "the silence holds when something comes")
    return 0


def _expire(settings: Settings) -> int:
    if not settings.words:
        raise UsageError("name the silences: write their ids, which `fog silence list` shows")
    for number in settings.words:
        command = Command(UNSILENCE, number, settings.author or author(), settings.comment)
        publish_command(settings.nats, settings.prefix, settings.path, command, "fog silence")
    return 0


def _list(settings: Settings) -> int:
    api = Api(settings.api.url)
    paint = Paint()
    for one in api.json("/api/silences"):
        if settings.expired or one["status"]["state"] != "expired":
            print(_line(one, paint))
    return 0


def _line(one: Mapping[str, Any], paint: Paint) -> str:
    state = one["status"]["state"]
    when = f"from {one['startsAt']}" if state == "pending" else f"until {one['endsAt']}"
    parts = [state, when, one["path"], " ".join(map(_matcher, one["matchers"])), one["createdBy"], one["comment"]]
    return "  ".join([paint("bold", one["id"]), *(printable(part) for part in parts if part)])


def _matcher(one: Mapping[str, Any]) -> str:
    operator = {(True, False): "=", (False, False): "!=", (True, True): "=~", (False, True): "!~"}
    return f"{one['name']}{operator[one['isEqual'], one['isRegex']]}{json.dumps(one['value'], ensure_ascii=False)}"


def parse_matcher(text: str) -> Matcher:
    """Read a matcher as amtool does: `name=value`, with or without quotes, or an alert's name.

    Raises:
        UsageError: It is none.
    """
    if _ALERT.fullmatch(text):
        return OPERATORS.index("="), "alertname", text
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is no matcher: write name=value, name!=value, name=~pattern or name!~pattern")
    name, operator, value = found.groups()
    if value.startswith('"'):
        try:
            value = json.loads(value)
        except ValueError:
            raise UsageError(f"{text!r} is no matcher: its quotes do not match") from None
    return OPERATORS.index(operator), name, value


def _check(matchers: tuple[Matcher, ...]) -> None:
    """Check what aggregators would refuse, as far as their regular expressions are installed here."""
    try:
        from fog_aggregator.promql.errors import BadQueryError
        from fog_aggregator.promql.labels import Matcher as Compiled
        from fog_aggregator.promql.labels import MatchKind
    except ImportError:
        return
    try:
        tests = [Compiled(MatchKind(OPERATORS[operator]), name, value).test() for operator, name, value in matchers]
    except BadQueryError as error:
        raise UsageError(str(error)) from None
    if all(test("") for test in tests):
        raise UsageError("an alert without any of these labels fulfils all of them: write a matcher that it does not")


def _moment(text: str) -> int:
    """Read a time, in milliseconds.

    Raises:
        UsageError: It is none, or has no zone.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"{text!r} is no time: write it as 2026-11-26T22:00:00Z")
    return int(moment.timestamp() * 1000)
