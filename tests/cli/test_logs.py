"""Log lines: formats, and that no reason can fill a disk."""

from __future__ import annotations

import io
import json
import logging
import os
from pathlib import Path

import pytest

from fog_cli.logs import LogSettings, RateLimit, set_up_logging


@pytest.fixture
def out() -> io.StringIO:
    """Where the lines go."""
    return io.StringIO()


def log_failure() -> None:
    """Something went wrong."""
    try:
        Path("/nowhere").stat()
    except OSError:
        logging.getLogger("a").exception("failed")


def test_logfmt(out: io.StringIO) -> None:
    """One line, quoted where needed, an exception as its type and text."""
    set_up_logging(LogSettings(), {}, out)
    logging.getLogger("a.b").info("two\nlines of %d", 7)
    log_failure()
    logging.getLogger("a").debug("not shown")
    first, second = out.getvalue().splitlines()
    assert first.startswith("ts=20")
    assert first.endswith('level=info logger=a.b msg="two\\nlines of 7"')
    error = """error="FileNotFoundError: [Errno 2] No such file or directory: '/nowhere'\""""
    assert second.endswith(f"level=error logger=a msg=failed {error}")


def test_what_strangers_write_does_not_command_the_terminal(out: io.StringIO) -> None:
    """A subject may bear control characters: they are shown, not obeyed."""
    set_up_logging(LogSettings(), {}, out)
    logging.getLogger("a").info("on %s", "fog.\x1b[2J\x9b\u202e")
    assert out.getvalue().removesuffix("\n").isprintable()


def test_json(out: io.StringIO) -> None:
    """The same fields; the trace only when debugging."""
    set_up_logging(LogSettings(level="debug", format="json"), {}, out)
    log_failure()
    line = json.loads(out.getvalue())
    assert line["msg"] == "failed"
    assert "Traceback" in line["trace"]


def test_journal(out: io.StringIO) -> None:
    """Under journald: the priority first, and no time, which the journal has."""
    read, write = os.pipe()
    status = os.fstat(write)
    with os.fdopen(write, "w") as stream:
        set_up_logging(LogSettings(), {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}, stream)
        logging.getLogger("a").warning("careful")
        logging.getLogger().handlers.clear()
    with os.fdopen(read) as lines:
        assert lines.read() == "<4>level=warning logger=a msg=careful\n"


def test_each_reason_is_limited() -> None:
    """Five a minute of one reason, whatever its arguments; other reasons go through; then the hidden are counted."""
    limit = RateLimit()

    def record(message: str, at: float) -> logging.LogRecord:
        made = logging.LogRecord("a", logging.WARNING, __file__, 1, message, (at,), None)
        made.created = at
        return made

    shown = [limit.filter(record("lost %s", float(second))) for second in range(30)]
    assert shown == [True] * 5 + [False] * 25
    assert limit.filter(record("found %s", 30.0))
    later = record("lost %s", 61.0)
    assert limit.filter(later)
    assert later.__dict__["suppressed"] == 25
