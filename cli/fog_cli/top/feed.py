"""Threads beside the event loop, which end with the process whatever they wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from fog_cli.api import Api
from fog_cli.errors import CommandError
from fog_cli.live.following import LONGEST_WAIT, Break, Following
from fog_cli.live.messages import Message

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
    """Return the outcome of something that blocks. Its thread holds up no end of the program."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(set_it: Callable[[Any], None], outcome: Any) -> None:
        if not done.done():
            set_it(outcome)

    def run() -> None:
        try:
            outcome, set_it = work(), done.set_result
        except Exception as error:  # noqa: BLE001 - it is raised on the loop
            _tell(loop, finish, done.set_exception, error)
        else:
            _tell(loop, finish, set_it, outcome)

    threading.Thread(target=run, daemon=True, name="fog-top-question").start()
    return await done


class Feed:
    """Follows the stream in a thread of its own, for as long as the loop runs.

    Args:
        api: The aggregator.
        take: Called on the loop with each message, each break, and the error that ends it.
    """

    def __init__(self, api: Api, take: Callable[[Message | Break | CommandError], None]) -> None:
        self._api = api
        self._take = take
        self._is_over = threading.Event()

    def start(self) -> None:
        """Begin, on the running loop."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._follow, args=(loop,), daemon=True, name="fog-top-stream").start()

    def close(self) -> None:
        """End, at the next message or pause."""
        self._is_over.set()

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        following = Following(self._api, pause=lambda seconds: not self._is_over.wait(seconds))
        while not self._is_over.is_set():
            try:
                for message in following:
                    if self._is_over.is_set() or not _tell(loop, self._take, message):
                        return
            except CommandError as error:
                _tell(loop, self._take, error)
                self._is_over.wait(LONGEST_WAIT)  # it may be that as many follow as may, for now


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: Any) -> bool:
    """Call something on the loop; False when it has ended."""
    try:
        loop.call_soon_threadsafe(call, *arguments)
    except RuntimeError:
        return False
    return True
