"""Several real nats-servers as one cluster: JetStream in each, streams with a leader and replicas.

Each is a `NatsServer` of its own, to be killed, paused and started anew; together they are as good as a machine room.
"""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from fog_testing.nats_server import NatsServer, NatsServerError
from fog_testing.ports import free_port

_POLL: Final = 0.05
_PATIENCE: Final = 30.0
"""Seconds for an election: a follower waits for 4 to 9 s before it stands for one."""


class NatsCluster:
    """Some nats-servers that are one cluster, ready when the block begins: they have a leader of JetStream.

    `with NatsCluster() as cluster:` or `async with …`, then `cluster.urls`. Methods block; any thread may call them,
    one at a time.

    Args:
        size: How many servers.
        config: Lines of configuration for each of them; names, addresses and routes are set here and win over it.
        directory: Where each has a directory of its own, named as the server; kept. Default: temporary ones.
        own_clocks: Give each a clock of its own, as `NatsServer` says.

    Attributes:
        servers: By name, `n0` and so on.
    """

    def __init__(
        self, size: int = 3, *, config: str = "", directory: Path | None = None, own_clocks: bool = False
    ) -> None:
        self._monitors = {f"n{number}": free_port() for number in range(size)}
        routes = {name: free_port() for name in self._monitors}
        addresses = ", ".join(f"nats://127.0.0.1:{port}" for port in routes.values())
        self.servers = {
            name: NatsServer(
                config=f"{config}\nserver_name: {name}\nhttp: 127.0.0.1:{self._monitors[name]}\n"
                f"cluster {{ name: fog, listen: 127.0.0.1:{port}, routes: [{addresses}] }}\n",
                directory=directory / name if directory else None,
                own_clock=own_clocks,
            )
            for name, port in routes.items()
        }
        self._stack = ExitStack()

    @property
    def urls(self) -> str:
        """The addresses of all servers, as `--nats` takes them."""
        return ",".join(server.url for server in self.servers.values())

    def leader(self, stream: str = "") -> str | None:
        """Return the name of the server that leads a stream, or JetStream itself; None between two leaders."""
        for name, server in self.servers.items():
            with suppress(NatsServerError, OSError, ValueError):
                if server.pid:
                    answer = self.monitor(name, "/jsz?streams=1")
                    leader = _leader_of(answer, stream)
                    if leader is not None:
                        return leader
        return None

    def wait_for_leader(self, stream: str = "", *, other_than: str = "", deadline: float = _PATIENCE) -> str:
        """Return who leads a stream, or JetStream itself, as soon as somebody other than `other_than` does.

        Raises:
            NatsServerError: Nobody did within `deadline` seconds.
        """
        found: list[str] = []

        def is_led() -> bool:
            leader = self.leader(stream)
            found[:] = [leader] if leader not in (None, other_than) else []
            return bool(found)

        _wait(is_led, deadline, f"no leader of {stream or 'JetStream'} in {deadline:g} s")
        return found[0]

    def kill(self, *names: str) -> None:
        """End servers as a crash would."""
        for name in names:
            self.servers[name].kill()

    def start(self, *names: str) -> None:
        """Start servers, all of them without a name, and wait until JetStream has a leader."""
        for name in names or self.servers:
            self.servers[name].start()
        self.wait_for_leader()

    def monitor(self, name: str, path: str) -> dict[str, Any]:
        """Return what a server's monitoring says at a path such as `/jsz`.

        Raises:
            OSError: It does not run.
        """
        url = f"http://127.0.0.1:{self._monitors[name]}{path}"
        with urllib.request.urlopen(url, timeout=2) as response:
            answer: dict[str, Any] = json.load(response)
        return answer

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in self.servers.values():
                stack.enter_context(server)
            self.wait_for_leader()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)


def _leader_of(answer: dict[str, Any], stream: str) -> str | None:
    """Read who leads from what a server tells of JetStream; followers know it as well."""
    if not stream:
        return answer.get("meta_cluster", {}).get("leader") or None
    for account in answer.get("account_details", []):
        for detail in account.get("stream_detail", []):
            if detail["name"] == stream:
                return detail.get("cluster", {}).get("leader") or None
    return None


def _wait(condition: Callable[[], bool], deadline: float, text: str) -> None:
    end = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > end:
            raise NatsServerError(text)
        time.sleep(_POLL)
