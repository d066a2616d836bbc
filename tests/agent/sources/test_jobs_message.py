"""Messages of jobs and their lines, as an agent reads them; the client writes the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_agent.sources.jobs.kinds import KINDS
from fog_agent.sources.jobs.limits import BURST, MOST_USERS, Rates
from fog_agent.sources.jobs.message import Line, RefusedError, is_statsd, read_line, read_message
from fog_agent.sources.jobs.recording import Moment, Recorder
from fog_cli.jobs.emitting import line_of
from utilityfog_frontend.telemetry import TelemetryCollector


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("counter a 1", Line(KINDS["counter"], "a", {}, 1)),
        ("a_total 2.5", Line(KINDS["counter"], "a_total", {}, 2.5)),
        ('a{b="c",d="e\\"\\\\\\nf",} 1e3', Line(KINDS["gauge"], "a", {"b": "c", "d": 'e"\\\nf'}, 1000)),
        ("histogram a{} -1", Line(KINDS["histogram"], "a", {}, -1)),
        ("gauge 5", Line(KINDS["gauge"], "gauge", {}, 5)),
        ("counter_x 5", Line(KINDS["gauge"], "counter_x", {}, 5)),
        ('event e{a="}"} "x } \\" y"', Line(None, "e", {"a": "}"}, 0, 'x } " y')),
    ],
)
def test_lines(text: str, line: Line) -> None:
    """A type before a sample of the text format."""
    assert read_line(text) == line


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "malformed"),
        ("1a 5", "malformed"),
        ('a{b="c" 1', "malformed"),
        ('a{b="c",b="d"} 1', "malformed"),
        ("a{b=c} 1", "malformed"),
        ("a", "value"),
        ("a one", "value"),
        ("a nan", "value"),
        ("a_total -1", "value"),
        ("a 1 1700000000", "value"),
        ("event e text", "malformed"),
        ("x" * 300 + " 1", "too_long"),
        ('a{b="' + "x" * 2000 + '"} 1', "too_long"),
        ("a{" + ",".join(f'l{i}="x"' for i in range(40)) + "} 1", "too_long"),
    ],
)
def test_what_is_no_line(text: str, reason: str) -> None:
    """Each has a reason for the metric."""
    with pytest.raises(RefusedError) as refused:
        read_line(text)
    assert refused.value.reason == reason


@given(st.dictionaries(st.sampled_from("abc"), st.text(st.characters(codec="utf-8"), max_size=20)))
def test_what_is_emitted_is_read(labels: dict[str, str]) -> None:
    """Whatever is in a label's value."""
    words = ["a_total", "1", *[f"{name}={value}" for name, value in labels.items()]]
    assert read_line(line_of(words)) == Line(KINDS["counter"], "a_total", labels, 1)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And nothing else happens."""
    try:
        read_line(text)
    except RefusedError:
        return


def test_messages() -> None:
    """A header with the time, then lines; comments and empty ones are left out."""
    message = read_message(b"fog1 12.5 sync\n# HELP a b\n\na 1\nb 2\n")
    assert (message.sent_at, message.sync, message.lines) == (12.5, True, ["a 1", "b 2"])
    for wrong in (b"", b"a 1", b"fog2 1 -\n", b"fog1 x -\n", b"fog1 1 -\n\xff"):
        with pytest.raises(RefusedError):
            read_message(wrong)


def test_statsd_is_told_from_the_text_format() -> None:
    """By its first words."""
    assert all(map(is_statsd, ["a:1|c", "a.b-c:1:2|ms|@0.1", "a;x=y:1|c", "_e{1,1}:a|b", "_sc|a|0"]))
    assert not any(map(is_statsd, ["a 1", "a:b 1", 'a{b="c:1|c"} 1', 'event e "a:1|c"', "# a:1|c"]))


def test_rates() -> None:
    """Each user has his own; ten seconds' worth may come at once, and a clock does the rest."""
    rates = Rates(10)
    assert rates.take(1, 10 * BURST, 0.0)
    assert not rates.take(1, 1, 0.0)
    assert rates.take(2, 1, 0.0)
    assert rates.take(1, 5, 0.5)
    assert not rates.take(1, 1, 0.5)
    for uid in range(3 * MOST_USERS):
        rates.take(uid, 1, 1.0)
    assert len(rates._left) <= MOST_USERS  # noqa: SLF001 - what is bounded


def test_a_clock_that_was_set_back_holds_up_no_gauge() -> None:
    """An earlier value counts as told now; one that waited in the spool meanwhile is older all the same."""
    collector = TelemetryCollector()
    recorder = Recorder(collector, 10)
    for at, now, value in ((100.0, 100.0, 1), (50.0, 50.0, 2), (40.0, 51.0, 3)):
        recorder.make(recorder.plan(0, read_line(f"gauge level {value}"), Moment(at, now)))
    assert collector.get_metric("level").get_value().value == 2  # type: ignore[union-attr]
