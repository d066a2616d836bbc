"""The simulated fog: its shape, that chance is all handed in, and that what fails recovers."""

from __future__ import annotations

import random
from collections import Counter

from fog_cli.demo.fog_model import Fog, Happening, tree_paths


def history(seed: int, until: float, fail_every: float = 30.0) -> tuple[Fog, list[Happening]]:
    """Return a fog of 21 nodes after some time, and what happened."""
    fog = Fog(tree_paths("fog", 3, 4), random.Random(seed), 100.0, fail_every)
    return fog, fog.advance(100.0 + until)


def test_85_nodes() -> None:
    """Four levels with four branches each; parents come before their children."""
    paths = list(tree_paths("fog", 4, 4))
    assert len(paths) == 85
    assert Counter(map(len, paths)) == {1: 1, 2: 4, 3: 16, 4: 64}
    assert all(path[:-1] in paths[:place] for place, path in enumerate(paths) if len(path) > 1)


def test_the_seed_tells_it_all() -> None:
    """The same seed is the same history, also when it is asked for in pieces; another seed is another."""
    _, whole = history(1, 60)
    fog = Fog(tree_paths("fog", 3, 4), random.Random(1), 100.0, 30.0)
    assert [happening for second in range(61) for happening in fog.advance(100.0 + second)] == whole
    assert history(2, 60)[1] != whole


def test_every_kind_of_thing_happens() -> None:
    """Messages, coordination, checks with all three states, failures, recoveries."""
    _, happened = history(1, 600)
    assert {happening.event for happening in happened} == {
        *("message_sent", "message_received", "coordination_message", "health_check"),
        *("node_unhealthy", "node_recovered", "link_lost", "link_restored"),
    }
    checks = {happening.value["status"] for happening in happened if happening.event == "health_check"}
    assert checks == {"HEALTHY", "DEGRADED", "UNHEALTHY"}


def test_what_fails_recovers() -> None:
    """Each failure ends by itself; `heal` ends those that remain, and only those."""
    fog, happened = history(3, 900)
    happened += fog.heal()
    counts = Counter(happening.event for happening in happened)
    assert counts["node_unhealthy"] == counts["node_recovered"] > 0
    assert counts["link_lost"] == counts["link_restored"] > 0
    assert all(node.linked and node.healthy for node in fog.nodes.values())
    assert fog.heal() == []


def test_a_root_alone() -> None:
    """A tree of one node has nobody to talk to, and checks its health all the same."""
    fog = Fog(tree_paths("fog", 1, 4), random.Random(1), 0.0)
    assert {happening.event for happening in fog.advance(30.0)} == {"health_check"}
