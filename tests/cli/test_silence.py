"""`fog silence`, with a real server and a real aggregator."""

from __future__ import annotations

import pytest

from fog_cli.actions.silence import parse_matcher
from fog_cli.api import Api
from fog_cli.errors import UsageError
from fog_testing.nats_server import NatsServer
from fog_testing.waiting import eventually
from tests.cli.aggregators import aggregator
from tests.cli.bus import make_streams
from tests.cli.processes import run


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ("FogNodesSilent", (0, "alertname", "FogNodesSilent")),
        ("site=north", (0, "site", "north")),
        ('site!="a=\\"b\\""', (1, "site", 'a="b"')),
        ("site=~n.*|s", (2, "site", "n.*|s")),
        ("site !~ x", (3, "site", "x")),
        ("site=", (0, "site", "")),
    ],
)
def test_matchers_are_read_as_by_amtool(text: str, matcher: tuple[int, str, str]) -> None:
    """With the four operators, quotes or none, and a name alone."""
    assert parse_matcher(text) == matcher


@pytest.mark.parametrize("text", ["", "1=2", "a-b=c", 'a="b'])
def test_what_is_no_matcher(text: str) -> None:
    """It says how one is written."""
    with pytest.raises(UsageError, match="is no matcher"):
        parse_matcher(text)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["add"], "name the alerts"),
        (["expire"], "name the silences"),
        (["add", "site=~("], "cannot be read"),
        (["add", "site=~.*"], "fulfils all of them"),
        (["add", "A", "--start", "tomorrow"], "is no time"),
        (["add", "A", "--end", "2026-11-26T22:00:00"], "is no time"),
        (["add", "A", "--path", "a b"], "is not allowed"),
        (["add", "A", "--start", "2026-11-26T22:00:00Z", "--end", "2026-11-26T21:00:00Z"], "ends after it begins"),
    ],
)
def test_misuse(words: list[str], why: str) -> None:
    """One line, exit code 2, before anybody is asked."""
    done = run("silence", *words, "--nats", "127.0.0.1:1")
    assert done.returncode == 2
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


async def test_add_list_and_expire(fog_nats: NatsServer) -> None:
    """An aggregator knows it at once, and one that begins anew, with a state of its own, learns it from the stream."""
    await make_streams(fog_nats.url)
    nats = ("--nats", fog_nats.url)
    options = ("--duration", "2h", "--comment", "new rack", "--author", "jo", "--path", "fog/0")
    async with aggregator(*nats) as view:
        api = ("--api", view.url)
        nobody = ("--api", "http://127.0.0.1:1")  # an aggregator of another test may be at the usual address
        added = run("silence", "add", "Down", "site=~n.*", *options, *nats, *nobody)
        assert (added.returncode, added.stderr) == (0, "")
        number = added.stdout.strip()
        await eventually(lambda: number in run("silence", "list", *api).stdout)
        line = run("silence", "list", *api).stdout
        assert "active" in line
        assert line.rstrip().endswith('fog/0  alertname="Down" site=~"n.*"  jo  new rack')
    async with aggregator(*nats) as view:
        api = ("--api", view.url)
        await eventually(lambda: number in run("silence", "list", *api).stdout)
        assert run("silence", "expire", number, *nats).returncode == 0
        await eventually(lambda: not run("silence", "list", *api).stdout)
        [one] = Api(view.url).json("/api/silences")
        assert (one["id"], one["status"]["state"]) == (number, "expired")
        assert number in run("silence", "list", "--expired", *api).stdout
