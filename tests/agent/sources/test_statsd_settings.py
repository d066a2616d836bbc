"""A table `[[statsd]]` of the file of sources: what it may say, and what a wrong one is told."""

from __future__ import annotations

import tomllib

import pytest

from fog_agent.sources.configuration import SourcesError, parse_sources
from fog_agent.sources.datagrams import Address
from fog_agent.sources.statsd.mapping import Mapping
from fog_agent.sources.statsd.plan import DEFAULT_BUCKETS, ENTITY, Limits, Plan
from fog_agent.sources.statsd.settings import StatsdSettings
from utilityfog_frontend.telemetry.model import Exponential

LEAST = '[[statsd]]\nname = "apps"\nlisten = ["127.0.0.1:8125"]\ndialect = "dogstatsd"\n'
ALL = """
[[statsd]]
name = "apps"
listen = ["0.0.0.0:8125", "unix:/run/fog/statsd.sock"]
insecure = true
mode = "0666"
group = "fog"
dialect = "statsd"
buckets = "exponential"
drop_tags = []
interval = 60
idle = 600
max_series = 100
max_new_series_per_second = 10
max_events_per_second = 5

[[statsd.mapping]]
match = "app.*.requests.*"
name = "requests_$2"
labels = { app = "${1}" }
buckets = [0.1, 1]

[[statsd.mapping]]
match = "queue.*"
type = "updown"
rollup = ["sum"]

[[statsd.mapping]]
match = "debug.*"
action = "drop"
"""


def read(text: str) -> StatsdSettings:
    """Return the settings of the only table."""
    [found] = parse_sources(tomllib.loads(text))
    assert isinstance(found, StatsdSettings)
    return found


def test_the_least_that_a_table_says() -> None:
    """A name, an address, and a dialect, which nobody guesses."""
    found = read(LEAST)
    assert (found.name, found.addresses) == ("apps", (Address(host="127.0.0.1", port=8125),))
    assert found.plan == Plan("dogstatsd", DEFAULT_BUCKETS, drop_tags=frozenset([ENTITY]))


def test_all_that_a_table_may_say() -> None:
    """Each key."""
    found = read(ALL)
    assert found.addresses == (
        Address(host="0.0.0.0", port=8125),  # noqa: S104 - as insecure says
        Address(path="/run/fog/statsd.sock", mode=0o666, group="fog"),
    )
    assert found.plan.limits == Limits(series=100, new_series=10, idle=600, interval=60, events=5)
    assert (found.plan.dialect, found.plan.buckets, found.plan.drop_tags) == ("statsd", Exponential(), frozenset())
    assert found.plan.mappings.rules == (
        Mapping("app.*.requests.*", "requests_$2", (("app", "${1}"),), (0.1, 1.0)),
        Mapping("queue.*", updown=True, rollup=("sum",)),
        Mapping("debug.*", drop=True),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LEAST.replace('dialect = "dogstatsd"', ""), "dialect is missing: give one of 'statsd', 'dogstatsd'"),
        (LEAST.replace("127.0.0.1", "192.0.2.1"), "listen: '192.0.2.1:8125' can be reached from other machines"),
        (LEAST.replace('["127.0.0.1:8125"]', "[]"), "listen has 0 addresses"),
        (LEAST + 'mode = "rw"', "mode = 'rw': must be permissions"),
        (LEAST + "buckets = [2, 1]", "bounds must ascend"),
        (LEAST + 'buckets = "wide"', "buckets = 'wide': must be a list of numbers or 'exponential'"),
        (LEAST + f"buckets = {list(range(257))}", "there are 257 bounds"),
        (LEAST + "idle = 1", "idle = 1: must be seconds"),
        (LEAST + "max_serie = 1", "max_serie: no such key"),
        (LEAST + '[[statsd.mapping]]\nname = "x"', "mapping number 1: match is missing"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a*.b"', "match = 'a*.b': must be names between dots"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a..b"', "match = 'a..b'"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a.*"\nname = "$2"', "$2: match = 'a.*' has 1 stars"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a.*"\nlabels = {x = "${0}"}', "${0}: match"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a"\nrollup = ["most"]', "rollup = 'most': must be of sum"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a"\naction = "keep"', "action = 'keep': must be one of 'map', 'drop'"),
        (LEAST + '[[statsd.mapping]]\nmatch = "a"\nttl = 1', "ttl: no such key"),
    ],
)
def test_a_wrong_table_is_told_its_key_and_value(text: str, said: str) -> None:
    """With the table's number and name."""
    with pytest.raises(SourcesError) as caught:
        parse_sources(tomllib.loads(text))
    assert said in str(caught.value)
    assert str(caught.value).startswith("[[statsd]] number 1 ('apps'): ")
