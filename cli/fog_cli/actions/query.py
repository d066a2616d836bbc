"""Read moments, ask a server or evaluate a file, and print a table or the API's data: the work of `fog query`."""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fog_cli.api import ask, redirected, without_login
from fog_cli.commands.query import Settings
from fog_cli.errors import CommandError, FogError, UsageError
from fog_cli.terminal import Paint, show_labels, show_time
from fog_cli.words.text import printable

_TIMEOUT: Final = 150.0
"""Seconds; a Prometheus gives a query two minutes."""

_DURATION: Final = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PARTS: Final = re.compile(r"(\d+)(ms|[smhdwy])")
_UNITS: Final = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}
_DATA: Final = '{"status":"success","data":'


@dataclass(frozen=True, slots=True)
class _Moments:
    """When to evaluate, in milliseconds: a moment (None for the default one), or a range with a step."""

    time: int | None = None
    bounds: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The API's data as text, and what it should be read with."""

    data: str
    notes: tuple[str, ...]


class _QueryFailedError(Exception):
    """An error of the API."""

    def __init__(self, error_type: str, text: str) -> None:
        super().__init__(text)
        self.error_type = error_type

    @property
    def exit_code(self) -> int:
        """2 for what was asked wrongly, as everywhere in this command."""
        return 2 if self.error_type == "bad_data" else 1


def query(settings: Settings) -> int:
    """Print the answer; the exit code."""
    try:
        answer = _answer(settings, _moments(settings))
    except _QueryFailedError as error:
        return _failed(settings, error.error_type, str(error), error.exit_code)
    except FogError as error:
        if not settings.json:
            raise
        error_type = "bad_data" if isinstance(error, UsageError) else "unavailable"
        return _failed(settings, error_type, str(error), error.exit_code)
    for note in answer.notes:
        print(f"fog query: {printable(note)}", file=sys.stderr)
    if settings.json:
        print(answer.data)
        return 0
    for line in _table(json.loads(answer.data), Paint()):
        print(line)
    return 0


def _failed(settings: Settings, error_type: str, text: str, exit_code: int) -> int:
    if settings.json:
        error = {"status": "error", "errorType": error_type, "error": text}
        print(json.dumps(error, ensure_ascii=False, separators=(",", ":")))
    else:
        print(f"fog query: {printable(f'{error_type}: {text}')}", file=sys.stderr)
    return exit_code


def _answer(settings: Settings, moments: _Moments) -> _Answer:
    if settings.url and settings.openmetrics:
        raise UsageError("say whom to ask: either --url or --openmetrics")
    if settings.openmetrics:
        return _evaluate(settings.expression, settings.openmetrics, moments)
    return _ask(settings.url or settings.api.url, settings.expression, moments)


def _moments(settings: Settings) -> _Moments:
    given = [name for name in ("start", "end", "step") if getattr(settings, name)]
    if not given:
        return _Moments(time=_time("--time", settings.time) if settings.time else None)
    if settings.time:
        raise UsageError(f"--time is one moment, --{given[0]} is of a range: leave one of them out")
    missing = [f"--{name}" for name in ("start", "end", "step") if not getattr(settings, name)]
    if missing:
        raise UsageError(f"a range has a start, an end and a step: add {' and '.join(missing)}")
    start, end = _time("--start", settings.start), _time("--end", settings.end)
    return _Moments(bounds=(start, end, _step(settings.step)))


def _time(flag: str, text: str) -> int:
    """Read seconds or RFC 3339, to the millisecond."""
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(f"{flag}: {text!r} is no time: write seconds since 1970, or as in 2026-11-26T06:00:00Z")
    return round(moment.timestamp() * 1000)


def _step(text: str) -> int:
    """Read seconds or a duration of Prometheus, to the millisecond."""
    if _DURATION.fullmatch(text):
        return sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(text))
    try:
        return round(float(text) * 1000)
    except (ValueError, OverflowError):
        raise UsageError(f"--step: {text!r} is no duration: write seconds, or as in 15s or 1m30s") from None


def _evaluate(expression: str, file: str, moments: _Moments) -> _Answer:
    """Evaluate in this process."""
    from fog_aggregator.promql import (
        OpenMetricsError,
        QueryError,
        data_json,
        instant_query,
        range_query,
        read_openmetrics,
    )

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        storage = read_openmetrics(data.decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: is not UTF-8: {error}") from None
    except OpenMetricsError as error:
        raise UsageError(f"{file}: {error}") from None
    try:
        if moments.bounds is not None:
            result = range_query(expression, storage, *moments.bounds)
        else:
            result = instant_query(expression, storage, storage.newest or 0 if moments.time is None else moments.time)
    except QueryError as error:
        raise _QueryFailedError(error.error_type, str(error)) from None
    return _Answer(data_json(result.data), (*result.warnings, *result.infos))


def _ask(base: str, expression: str, moments: _Moments) -> _Answer:
    """Ask a server, in the form of a POST: expressions may be longer than URLs."""
    url, login = without_login((base if "://" in base else f"http://{base}").rstrip("/"), "--url")
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url} is not an address: write http://127.0.0.1:9090")
    form = {"query": expression}
    if moments.bounds is not None:
        form |= dict(zip(("start", "end", "step"), map(_seconds, moments.bounds), strict=True))
    elif moments.time is not None:
        form["time"] = _seconds(moments.time)
    path = "query" if moments.bounds is None else "query_range"
    request = urllib.request.Request(  # noqa: S310 - the scheme was looked at above
        f"{url}/api/v1/{path}", data=urlencode(form).encode(), headers=login, method="POST"
    )
    try:
        with ask(request, _TIMEOUT) as answer:
            return _read(url, answer.read().decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        if to := redirected(error):
            raise CommandError(f"{url} sends to {to}, where no login goes: name that with --url") from None
        return _read(url, error.read().decode("utf-8", "replace"), f"{error.code} {error.reason}")
    except (OSError, ValueError) as error:
        raise CommandError(
            f"nobody answers at {url} ({getattr(error, 'reason', error)}): name one with --url"
        ) from None


def _seconds(milliseconds: int) -> str:
    seconds, rest = divmod(abs(milliseconds), 1000)
    return f"{'-' if milliseconds < 0 else ''}{seconds}.{rest:03d}"


def _read(url: str, body: str, status: str = "200 OK") -> _Answer:
    """Read what the API says; its data stays as it is, digit by digit."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "status" not in answer:
        raise CommandError(f"{url} is no Prometheus HTTP API: it answers {status}")
    if answer["status"] != "success":
        raise _QueryFailedError(str(answer.get("errorType", "execution")), str(answer.get("error", status)))
    notes = tuple(str(note) for name in ("warnings", "infos") for note in answer.get(name) or ())
    if body.startswith(_DATA):
        _, end = json.JSONDecoder().raw_decode(body, len(_DATA))
        return _Answer(body[len(_DATA) : end], notes)
    return _Answer(json.dumps(answer.get("data"), ensure_ascii=False, separators=(",", ":")), notes)


def _table(data: Mapping[str, Any], paint: Paint) -> Iterator[str]:
    """Lay data out for a person: a series a line, or a series with a line for each of its samples."""
    result = data["result"]
    if data["resultType"] in {"scalar", "string"}:
        yield printable(str(result[1]))
    elif not result:
        print("fog query: no series", file=sys.stderr)
    elif data["resultType"] == "vector":
        names = [_name(series["metric"]) for series in result]
        width = max(map(len, names))
        for name, series in zip(names, result, strict=True):
            yield f"{name:{width}}  {_value(series)}"
    else:
        for series in result:
            yield paint("bold", _name(series["metric"]))
            for moment, value in series.get("values", ()):
                yield printable(f"  {_show(moment)}  {value}")


def _name(metric: Mapping[str, str]) -> str:
    labels = {name: value for name, value in metric.items() if name != "__name__"}
    return printable(metric.get("__name__", "")) + show_labels(labels) or "{}"


def _value(series: Mapping[str, Any]) -> str:
    return printable(str(series["value"][1])) if "value" in series else "(a native histogram)"


def _show(moment: float) -> str:
    """Show a time; as seconds if it is too far away for a calendar."""
    try:
        return show_time(moment)
    except (ValueError, OverflowError, OSError):
        return f"{moment:.3f}"
