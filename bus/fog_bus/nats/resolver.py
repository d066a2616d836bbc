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
from ipaddress import IPv4Address, ip_address
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
        if (address := _numeric(host, port)) is not None:
            return [address]
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


def _numeric(host: str, port: int) -> Address | None:
    """Return an address that is written in numbers: there is nobody to ask."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return Address(socket.AF_INET, (host, port))
    return None if address.scope_id else Address(socket.AF_INET6, (host, port, 0, 0))


def _try(host: str, port: int) -> list[Address] | Exception:
    try:
        found = socket.getaddrinfo(_plain(host), port, type=socket.SOCK_STREAM)
    except Exception as error:  # noqa: BLE001 - a name that cannot be encoded, for one: whoever asked is told
        return error if isinstance(error, OSError) else OSError(f"{host} cannot be looked up: {error}")
    return list(dict.fromkeys(Address(family, where) for family, _, _, _, where in found))


def _plain(host: str) -> bytes | str:
    """Return a name as the system takes it, if it can be.

    Python would load a codec for it, and a child that was forked while another thread was loading that waits for ever.
    """
    return host.encode() if host.isascii() else host
