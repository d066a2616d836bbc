"""Where the demo's aggregator listens: at its usual address, or at a free port while something else has that."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Final

from fog_bus.options.kinds import Address
from fog_cli.demo.processes import Child
from fog_cli.errors import CommandError

USUAL: Final = ("127.0.0.1", 10364)


async def start_listening(
    wished: Address | None, start: Callable[[Address], Awaitable[Child]]
) -> tuple[Child, Address]:
    """Start a process that listens at the wished address; without one at the usual address, or at a free port.

    Another program may take an address before the process does, as a second demo would: then the next one is tried.

    Raises:
        CommandError: The process does not start, and nobody else has its address; or has the wished one.
    """
    while True:
        address = wished or _free_address()
        try:
            return await start(address), address
        except CommandError:
            if wished or _free_port(address) is not None:
                raise


def _free_address() -> Address:
    for host, port in (USUAL, (USUAL[0], 0)):
        free = _free_port((host, port))
        if free is not None:
            return host, free
    raise CommandError(f"no free port on {USUAL[0]}")


def _free_port(address: Address) -> int | None:
    """Return the port of an address that nothing has, and any for 0; None where something has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return None
        return int(probe.getsockname()[1])
