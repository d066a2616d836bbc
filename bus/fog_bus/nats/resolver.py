"""Resolve the names of servers on threads of our own.

asyncio resolves on an executor, which takes no more work once the interpreter is shutting down: a program that counts,
ends at once and flushes in an exit handler could not even find its server then.
"""

from __future__ import annotations

import asyncio
import encodings.idna  # noqa: F401 - looking a name up imports it: a fork meanwhile leaves the child its lock, for ever
import socket
import threading
from contextlib import suppress
from typing import Any, Final, NamedTuple

RESOLVE_TIMEOUT: Final = 5.0
"""Seconds that an attempt waits for a name. The look-up itself goes on, and the next attempt has its answer."""


class Address(NamedTuple):
    """One address of a server, as the socket module has it."""

    family: int
    where: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.where[0])


class Resolver:
    """Look names up, each on a daemon thread, at most one at a time for each name. Belongs to one event loop."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}
        self._known: dict[tuple[str, int], list[Address]] = {}

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, in the resolver's order; those of an earlier time when there is no answer.

        Raises:
            OSError: the name is not known, and never was; TimeoutError is one.
        """
        with suppress(OSError, UnicodeError):
            return _look_up(host, port, socket.AI_NUMERICHOST)  # an address, which takes no asking
        key = (host, port)
        answer = self._asked.get(key) or self._ask(key)
        await asyncio.wait([answer], timeout=RESOLVE_TIMEOUT)
        if answer.done():
            del self._asked[key]
            if answer.exception() is None or key not in self._known:
                self._known[key] = answer.result()
        elif key not in self._known:
            raise TimeoutError(f"nobody told the address of {host} within {RESOLVE_TIMEOUT:g} s")
        return self._known[key]

    def _ask(self, key: tuple[str, int]) -> asyncio.Future[list[Address]]:
        loop = asyncio.get_running_loop()
        answer = self._asked[key] = loop.create_future()

        def settle(found: list[Address] | Exception) -> None:
            if isinstance(found, Exception):
                answer.set_exception(found)
                answer.exception()  # nobody may be waiting any more, and that is no error of its own
            else:
                answer.set_result(found)

        def work() -> None:
            found = _try(*key)
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, found)

        try:
            threading.Thread(target=work, name="fog-resolver", daemon=True).start()
        except RuntimeError:  # since Python 3.12 no thread begins while the interpreter shuts down: then here
            settle(_try(*key))
        return answer


def _try(host: str, port: int) -> list[Address] | Exception:
    try:
        return _look_up(host, port, 0)
    except Exception as error:  # noqa: BLE001 - a name that cannot be encoded, for one: whoever asked is told
        return error if isinstance(error, OSError) else OSError(f"{host} cannot be looked up: {error}")


def _look_up(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(Address(family, where) for family, _, _, _, where in found))
