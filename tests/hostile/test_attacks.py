"""The attacks of the soak fit the shipped server, and have values: so they try something."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from fog_aggregator.core.outcome import REPEATED, VALUELESS
from fog_proving.soak.attacks import ATTACKS, COUNTERS, GAUGES, MAX_PAYLOAD, families_that_disagree
from fog_schema.limits import MAX_BOUNDS
from tests.aggregator.fleet import Fleet

HOSTILE = ("fog", "hostile")
DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_shipped_servers_take_so_much() -> None:
    """As the attacks have it."""
    for file in ("nats-server.conf", "nats-server-jwt.conf"):
        assert re.findall(r"^max_payload: (\d+)KB$", (DEPLOY / file).read_text(), re.MULTILINE) == ["256"]
    assert MAX_PAYLOAD == 256 * 1024


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fits_the_shipped_server(name: str) -> None:
    """Else it is the server alone that is attacked."""
    assert max(len(sent.data) for sent in islice(ATTACKS[name](Random(1)), 20)) <= MAX_PAYLOAD


def applied(name: str, count: int) -> Fleet:
    """Return a fleet that has read messages of an attack."""
    fleet = Fleet()
    for sent in islice(ATTACKS[name](Random(1)), count):
        fleet.apply(HOSTILE, sent.data)
    return fleet


def test_families_that_disagree_do() -> None:
    """Among themselves, and with those of healthy nodes: of these, theirs are shown."""
    fleet = Fleet()
    for node in range(2):
        healthy = fleet.join(f"fog/swarm/{node}").collector
        healthy.register_counter(COUNTERS[0], "").increment(5)
        healthy.register_gauge(GAUGES[0], "", rollup="sum").set(7)
    fleet.send()
    for sent in islice(families_that_disagree(Random(1)), 4):
        fleet.apply(HOSTILE, sent.data)
    found = fleet.network.disagreements()
    assert {COUNTERS[0], GAUGES[0]} <= found.keys()
    assert len([name for name in found if name.startswith("hostile_")]) > 1000
    [counter], [gauge] = fleet.samples(COUNTERS[0]).values(), fleet.samples(GAUGES[0]).values()
    assert (counter, gauge) == (10, 14)


def test_ids_of_one_set_are_refused_for_what_they_are() -> None:
    """Some without values, some as repetitions."""
    reasons: set[str] = set()
    fleet = Fleet()
    for sent in islice(ATTACKS["ids_of_one_set"](Random(1)), 2):
        reasons |= set(fleet.apply(HOSTILE, sent.data).refused_by_reason or {})
    assert reasons == {VALUELESS, REPEATED}


def test_the_widest_histograms_take_slots() -> None:
    """Of as many buckets as there may be."""
    fleet = applied("widest_histograms", 2)
    widths = {table.values.shape[1:] for table in fleet.state.parts.slots.tables.values() if len(table)}
    assert (MAX_BOUNDS + 1,) in widths
