"""Logging of a service: to standard error, one line a record, logfmt or JSON, each reason rate-limited."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Final

from fog_bus.options import option
from fog_bus.options.kinds import choice
from fog_cli.words.text import printable

_WINDOW: Final = 60.0
_BURST: Final = 5
_MAX_REASONS: Final = 1000
_PRIORITIES: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}
"""syslog's, which journald reads from the beginning of a line."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Options of a service's log."""

    level: str = option("info", "least level that is logged", choice("debug", "info", "warning", "error"))
    format: str = option("logfmt", "of log lines on standard error", choice("logfmt", "json"))


class RateLimit(logging.Filter):
    """Lets at most 5 records of one reason through in a minute; the first of the next minute says how many it hid.

    The reason is the logger, the level and the message before its arguments are filled in, so no caller has to take
    care of it. Time is the records' own. Thread-safe as logging calls it, under the handler's lock.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, int, str], list[float]] = {}  # begin of the window, records in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be shown."""
        reason = (record.name, record.levelno, str(record.msg))
        begin, count = self._seen.get(reason, (0.0, 0.0))
        if not 0 <= record.created - begin < _WINDOW:  # also when the clock was set back
            if count > _BURST:
                record.suppressed = int(count - _BURST)
            begin, count = record.created, 0.0
            self._seen.pop(reason, None)
            if len(self._seen) >= _MAX_REASONS:
                del self._seen[next(iter(self._seen))]
        self._seen[reason] = [begin, count + 1]
        return count < _BURST


class _Formatter(logging.Formatter):
    """Fields of a record as one line; `journald` leaves the time to the journal and begins with the priority."""

    def __init__(self, *, journald: bool) -> None:
        super().__init__()
        self._journald = journald

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {}
        if not self._journald:
            stamp = datetime.fromtimestamp(record.created, UTC)
            fields["ts"] = stamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields |= {"level": record.levelname.lower(), "logger": record.name, "msg": record.getMessage()}
        if suppressed := getattr(record, "suppressed", 0):
            fields["suppressed"] = suppressed
        if record.exc_info and record.exc_info[0]:
            fields["error"] = f"{record.exc_info[0].__name__}: {record.exc_info[1]}"
            if logging.getLogger().isEnabledFor(logging.DEBUG):
                fields["trace"] = self.formatException(record.exc_info)
        line = self.line(fields)
        return f"<{_PRIORITIES.get(record.levelno, 6)}>{line}" if self._journald else line

    def line(self, fields: Mapping[str, object]) -> str:
        """One line without a line break in it."""
        return " ".join(f"{key}={_logfmt(str(value))}" for key, value in fields.items())


class _JsonFormatter(_Formatter):
    def line(self, fields: Mapping[str, object]) -> str:
        return json.dumps(fields)


def _logfmt(value: str) -> str:
    plain = value.isprintable() and value and not any(sign in value for sign in ' "=')
    return value if plain else printable(json.dumps(value, ensure_ascii=False))


def set_up_logging(
    settings: LogSettings, environ: Mapping[str, str] = os.environ, stream: IO[str] | None = None
) -> None:
    """Send the root logger's records to standard error (or `stream`), replacing handlers of an earlier call."""
    out = stream or sys.stderr
    formatter = (_JsonFormatter if settings.format == "json" else _Formatter)(journald=_is_journal(out, environ))
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    handler.addFilter(RateLimit())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())


def _is_journal(stream: IO[str], environ: Mapping[str, str]) -> bool:
    """Whether the stream is the journal's, which says so by the socket's device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
