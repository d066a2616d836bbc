"""Runs a whole fog on this machine: nats-server, an aggregator, its own agent, three programs, and a tree of nodes.

  fog demo
  fog demo --depth 5 --branching 3
  fog demo --nodes 5000
  fog demo --duration 20 --json

  fog demo --story

The first line is the address of the page, which answers by then.

The nodes exchange messages along the tree, coordinate, check their health, fail now and then and recover. At the end,
Ctrl-C or not, what the nodes counted is held against what the aggregator exports: exit code 1 when it differs. A second
Ctrl-C ends it at once.

Three programs that do not know the SDK are nodes too, at fog/programs: one sends statsd, one is scraped, one is run by
cron. Agents with sources read them, and what they counted themselves is held against the aggregator as well.

With --story a branch dies, one node's errors rise and one node ends in good order, in two minutes. The page shows it as
problems. All that its alerts do is printed, and held against the story: exit code 1 when it differs, unless somebody
stopped it. With --json it ends once all is over.

Up to 1,100 nodes have an agent each, all in one process. More of them are those of `fog swarm`, as agents would be too
much: they count and send, but neither talk nor fail. Time is dropped when the machine is too slow, and that is
said (dropped_seconds with --json); counts are not. 5,000 nodes are the most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import ADDRESS, DURATION, INTERVAL, URLS, WHOLE, Address
from fog_cli.later import later


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog demo`."""

    depth: int = option(4, "levels of the tree, with the root", WHOLE)
    branching: int = option(4, "children of each inner node", WHOLE)
    nodes: int | None = option(None, "so many nodes, filled level by level, in place of --depth", WHOLE)
    interval: float = option(1.0, "how often nodes send", INTERVAL)
    duration: float | None = option(None, "end by itself after this", DURATION)
    seed: int | None = option(None, "of everything that chance decides; drawn when left out", WHOLE)
    listen: Address | None = option(None, "address of the aggregator (127.0.0.1:10364, or a free port)", ADDRESS)
    json: bool = switch("print nothing but one JSON object, at the end")
    story: bool = switch("play a story in place of it, of who is woken for what: two minutes, or --duration")
    nats: tuple[str, ...] | None = option(None, "use this server, with JetStream, instead of starting one", URLS)


run: Final = later("fog_cli.demo.run:demo")
"""Run it to its end; 0 when every count was conserved."""
