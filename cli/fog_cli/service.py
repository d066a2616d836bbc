"""Running a service: signals only set an event, what it drains has one deadline, systemd is told.

The first SIGINT, SIGTERM or SIGHUP sets the event; the service then has `DRAIN_SECONDS` to end by itself. A second
Ctrl-C ends the process at once, and so does the end of that time. Exit code 0 for a service that ended when asked, 1
for one that did not manage to.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from types import FrameType
from typing import Any, Final, NoReturn

from fog_cli.errors import UsageError

DRAIN_SECONDS: Final = 20.0
CANCEL_SECONDS: Final = 5.0
"""For one that was cut off, to remove what it made."""

log = logging.getLogger("fog_cli.service")


_M_ARENA_MAX: Final = -8

Serve = Callable[[asyncio.Event], Coroutine[Any, Any, int]]


def run_service(serve: Serve, *, drain: float = DRAIN_SECONDS, stop_on_eof: bool = False) -> int:
    """Run `serve(stop)` to its end and return its exit code.

    Args:
        serve: Called with an event that the first SIGINT, SIGTERM or SIGHUP sets.
        drain: Seconds it may take to end after that.
        stop_on_eof: The end of standard input sets the event too: the parent that holds its other end is gone.
    """
    return asyncio.run(_supervise(serve, drain, stop_on_eof=stop_on_eof))


async def _supervise(serve: Serve, drain: float, *, stop_on_eof: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    _heed_signals(loop, stop)
    if stop_on_eof:
        _watch_input(loop, stop)
    async with _watchdog(os.environ):
        work = asyncio.create_task(serve(stop))
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        notify("STOPPING=1")
        with contextlib.suppress(asyncio.CancelledError):
            done, _ = await asyncio.wait({work}, timeout=drain)
            if done:
                return work.result()
            work.cancel()
            await asyncio.wait({work}, timeout=CANCEL_SECONDS)
    log.error("did not end within %g s and was cut off", drain)
    return _leave()


def _leave() -> NoReturn:
    """End the process without what is done at its end: thousands of agents would each wait for their last frame."""
    logging.shutdown()
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(1)


def _heed_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Set the event at the first SIGTERM, SIGINT or SIGHUP; end the process at a SIGINT after that.

    A SIGHUP that is ignored, as by `nohup`, stays ignored. The loop sets the event. It is not asked for the end: a busy
    one would take the second Ctrl-C as late as the first.
    """
    asked = False

    def heed(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if number == signal.SIGINT and asked:
            _quit_at_once()
        asked = True

    ends = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        ends.append(signal.SIGHUP)  # its terminal is closed
    for number in ends:
        loop.add_signal_handler(number, stop.set)  # wakes the loop, and gives the signal back when the loop is closed
        signal.signal(number, heed)


def _watch_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    try:
        loop.add_reader(sys.stdin, lambda: None if os.read(sys.stdin.fileno(), 4096) else _ended(loop, stop))
    except (ValueError, PermissionError):  # it is closed; it is a file or /dev/null
        raise UsageError("--stop-on-eof needs standard input to be a pipe or a terminal") from None


def _ended(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    loop.remove_reader(sys.stdin)
    stop.set()


def _quit_at_once() -> None:
    with contextlib.suppress(OSError):
        os.write(2, b"fog: quit at once, as asked twice\n")  # the stream may be in the midst of a write
    os._exit(1)


def notify(state: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Tell the service manager (``READY=1``, ``STATUS=…``), as sd_notify(3) does; whether there is one."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.sendall(state.encode())
        return True
    return False


@contextlib.asynccontextmanager
async def _watchdog(environ: Mapping[str, str]) -> AsyncIterator[None]:
    """While inside, prove twice in each of systemd's WATCHDOG_USEC that the event loop turns."""

    async def prove(period: float) -> None:
        while True:
            notify("WATCHDOG=1", environ)
            await asyncio.sleep(period)

    microseconds = int(environ.get("WATCHDOG_USEC") or 0)
    task = asyncio.create_task(prove(microseconds / 2e6)) if microseconds else None
    try:
        yield
    finally:
        if task:
            task.cancel()


def share_one_arena() -> None:
    """Let all threads take memory from one arena, where the C library is glibc: each has its own otherwise.

    It is for a service whose threads seldom work at the same time. Call it before any of them begins.
    """
    _call_c("mallopt", _M_ARENA_MAX, 1)


def give_back() -> None:
    """Give memory back that is free: what reading modules and settings took."""
    _call_c("malloc_trim", 0)


def _call_c(name: str, *arguments: int) -> None:
    import ctypes

    with contextlib.suppress(OSError, AttributeError):  # another system, or another C library
        getattr(ctypes.CDLL(None), name)(*arguments)
