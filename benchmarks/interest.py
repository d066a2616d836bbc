"""Measure what agents' subscriptions cost a cluster, and whom a request to one node reaches.

python benchmarks/interest.py [--sites 10] [--nodes 40]

Agents at fog/<site>/<node> are connected to one of three servers, an inbox each, and listen for requests in three ways:
at a subject of their own and at all above it; at their parent's and above; at their parent's children by a wildcard,
and above. For each: the subjects that another server of the cluster is told of; and how many agents a request to one
node reaches, and one to the branch of a site.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import nats

from fog_testing.nats_cluster import NatsCluster

RESYNC: Final = "fog.v1.resync.fog"


class Way(NamedTuple):
    """A way to listen: the subjects of an agent, and where it and the branch of its site are asked."""

    listens: Sequence[str]
    node: str
    branch: str


SITE, NODE = f"{RESYNC}.{{0}}", f"{RESYNC}.{{0}}.{{1}}"
WAYS: Final = {
    "at its own subject": Way((RESYNC, SITE, NODE), NODE, SITE),
    "at its parent's": Way((RESYNC, SITE), SITE, RESYNC),
    "at the children's": Way((RESYNC, SITE, f"{SITE}.*"), NODE, SITE),
}


def remote_subjects(cluster: NatsCluster, name: str) -> set[str]:
    """Return the subjects that a server knows because somebody listens to them at another one."""
    told: dict[str, Any] = cluster.monitor(name, "/routez?subs=1")
    subjects = {subject for route in told["routes"] for subject in route.get("subscriptions_list", [])}
    return {subject for subject in subjects if not subject.startswith("$")}


async def main(sites: int, nodes: int) -> None:
    """Measure."""
    for name, way in WAYS.items():
        async with NatsCluster() as cluster:
            near, far = cluster.servers["n0"], cluster.servers["n1"]
            heard: list[object] = []

            async def note(message: object, heard: list[object] = heard) -> None:
                heard.append(message)

            agents = [await nats.connect(near.url) for _ in range(sites * nodes)]
            for number, agent in enumerate(agents):
                await agent.subscribe(f"_INBOX.{secrets.token_hex(12)}.*")
                for subject in way.listens:
                    await agent.subscribe(subject.format(number // nodes, number % nodes), cb=note)
                await agent.flush()
            await asyncio.sleep(1)  # until the servers have told each other
            subjects = remote_subjects(cluster, "n1")
            asker, reached = await nats.connect(far.url), []
            for subject in (way.node, way.branch):
                heard.clear()
                await asker.publish(subject.format(0, 7), b"?")
                await asker.flush()
                await asyncio.sleep(1)
                reached.append(len(heard))
            print(
                f"{name:18} {len(subjects) / len(agents):.2f} subjects an agent, {len(subjects)} in all; "
                f"a request to fog/0/7 reaches {reached[0]} of {len(agents)}, one to the branch fog/0 {reached[1]}"
            )
            for client in (asker, *agents):
                await client.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=10)
    parser.add_argument("--nodes", type=int, default=40)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.sites, arguments.nodes))
