"""The thread of an agent that cannot start: somebody hears of it."""

from __future__ import annotations

import logging

import pytest

from fog_agent.edge.thread import AgentThread


class Broken:
    """An agent that cannot start."""

    interval = deadline = 1.0

    async def start(self, *, aside: bool) -> None:
        """Raise."""
        raise RuntimeError(f"not {aside}")

    async def stop(self) -> bool:
        """Have nothing to send."""
        return True

    flush = stop


def test_a_start_that_fails_is_raised_to_whoever_waits(caplog: pytest.LogCaptureFixture) -> None:
    """And is not logged besides."""
    thread = AgentThread(Broken())
    thread.begin()
    with pytest.raises(RuntimeError, match="not False"):
        thread.wait()
    assert caplog.records == []


@pytest.mark.parametrize("how", [AgentThread.begin_if_needed, AgentThread.stop])
def test_a_start_that_fails_is_logged_where_nobody_waits(how: object, caplog: pytest.LogCaptureFixture) -> None:
    """As in a forked child, or at a process's end: with its reason."""
    thread = AgentThread(Broken())
    assert callable(how)
    how(thread)
    thread.stop()
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "not False"
