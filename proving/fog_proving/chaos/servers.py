"""The nats-servers of a run: one, a cluster, or a hub with a leaf for each branch, whose link goes through a proxy."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from fog_proving.chaos.layout import ONE, Layout
from fog_testing.nats_cluster import NatsCluster
from fog_testing.nats_server import NatsServer
from fog_testing.ports import free_port
from fog_testing.proxy import FaultProxy

_HUB: Final = "server_name: hub\njetstream {{ domain: hub }}\nleafnodes {{ listen: 127.0.0.1:{port} }}\n"
_LEAF: Final = """
server_name: {name}
jetstream {{ domain: {name} }}
leafnodes {{ reconnect: 1, remotes: [{{
  url: "nats-leaf://127.0.0.1:{port}"
  deny_exports: ["fog.v1.metrics.>", "fog.v1.events.>"], deny_imports: ["fog.v1.metrics.>", "fog.v1.events.>"]
}}] }}
"""


class Leaf(NamedTuple):
    """A server of one branch, and the proxy through which it reaches the hub."""

    server: NatsServer
    link: FaultProxy


@dataclass(slots=True)
class Servers:
    """All servers of a run.

    Attributes:
        first: The one server, a cluster's first one, or the hub.
        cluster: All of them, if they are a cluster.
        leaves: By path of the branch; there once `start` is done.
    """

    first: NatsServer
    cluster: NatsCluster | None = None
    leaves: Mapping[str, Leaf] = field(default_factory=dict)
    _layout: Layout = ONE
    _leaf_port: int = 0

    @classmethod
    def make(cls, directory: Path, layout: Layout) -> Servers:
        """Return what is not started yet: one server, a cluster, or a hub and a leaf for each of some branches."""
        own_clock = layout.own_clocks
        if layout.servers > 1:
            cluster = NatsCluster(layout.servers, directory=directory, own_clocks=own_clock)
            return cls(cluster.servers["n0"], cluster)
        if not layout.leaves:
            return cls(NatsServer(directory=directory, own_clock=own_clock))
        port = free_port()
        hub = NatsServer(config=_HUB.format(port=port), directory=directory, own_clock=own_clock)
        return cls(hub, _layout=layout, _leaf_port=port)

    @property
    def every(self) -> Mapping[str, NatsServer]:
        """All of them, by a name for people."""
        if self.cluster is not None:
            return self.cluster.servers
        return {"the server": self.first, **{path: leaf.server for path, leaf in self.leaves.items()}}

    async def start(self, stack: AsyncExitStack) -> None:
        """Start all of them, until the stack ends."""
        await stack.enter_async_context(self.cluster or self.first)
        leaves = {}
        for number, branch in enumerate(self._layout.leaves):
            link = await stack.enter_async_context(FaultProxy("127.0.0.1", self._leaf_port))
            name = f"leaf{number}"
            config = _LEAF.format(name=name, port=link.url.rpartition(":")[2])
            where = self.first.directory.parent / name
            server = NatsServer(config=config, directory=where, own_clock=self._layout.own_clocks)
            leaves[branch] = Leaf(await stack.enter_async_context(server), link)
        self.leaves = leaves

    def at(self, path: str) -> NatsServer:
        """Return the server that a place's programs connect to."""
        found = (leaf.server for branch, leaf in self.leaves.items() if f"{path}/".startswith(f"{branch}/"))
        return next(found, self.first)

    def addresses(self, path: str, proxy: FaultProxy | None = None) -> str:
        """Where a place's programs connect, by a proxy if there is one; a cluster's other ways have no proxy."""
        if self.cluster is not None:
            return ",".join(filter(None, (proxy.url if proxy else "", self.cluster.urls)))
        return proxy.url if proxy else self.at(path).url
