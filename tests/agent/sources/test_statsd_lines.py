"""Lines as clients send them: which value each becomes, and for which reason others are refused."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_agent.sources.statsd.lines import DOGSTATSD, REASONS, STATSD
from fog_agent.sources.statsd.mapping import Mapping, Mappings
from fog_agent.sources.statsd.plan import Limits, Plan
from fog_agent.sources.statsd.totals import Totals
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.model import Exponential, ExponentialValue, HistogramValue, MetricType, Value

Shown = dict[tuple[str, tuple[tuple[str, str], ...]], Value]


def shown(totals: Totals, now: float = 1.0) -> Shown:
    """Return the values of all series by name and labels."""
    families = totals.collect(now)
    return {(each.family.name, one.labels): one.value for each in families for one in each.series}


def after(*lines: str, dialect: str = DOGSTATSD) -> tuple[Shown, dict[str, int]]:
    """Return the values after some lines, and what was refused."""
    totals = Totals(Plan(dialect))
    totals.take("\n".join(lines).encode(), 0.0)
    return shown(totals), dict(totals.take_refused())


@pytest.mark.parametrize(
    ("lines", "name", "labels", "value"),
    [
        (["page.views:1|c", "page.views:2|c"], "page_views_total", {}, 3),
        (["a:2.5|c"], "a_total", {}, 2.5),
        (["a:5.0|c|@0.1"], "a_total", {}, 50),
        (["a:1|c|@0.00001"], "a_total", {}, 100_000),
        (["a:1|c|@0.3"], "a_total", {}, 1 / 0.3),
        (["a:1:2:3|c"], "a_total", {}, 6),
        (["cts:3|c|T1700000000|e:it-false,cn-web,pu-1|card:low|c:ci-1"], "cts_total", {}, 3),
        (["t:1|c|#env:dev,a:b:c,flag,empty:,:x"], "t_total", {"env": "dev", "a": "b:c", "flag": "true"}, 1),
        (["t:1|c|#dd.internal.entity_id:pod,k8s.pod:x"], "t_total", {"k8s_pod": "x"}, 1),
        (["tg.inc,env=t,a=b:1|c"], "tg_inc_total", {"env": "t", "a": "b"}, 1),
        (["t:1|c|#__name__:x,1:y"], "t_total", {"_name__": "x", "_1": "y"}, 1),
        (["1st:1|g"], "_1st", {}, 1),
        (["n:1e-7|g"], "n", {}, 1e-7),
        (["n:1e+21|g"], "n", {}, 1e21),
        (["neg:-3|g", "neg:-3|g"], "neg", {}, -3),
        (["pre.g:0|g|@0.5", "pre.g:7|g"], "pre_g", {}, 7),
    ],
)
def test_a_line_becomes_a_value(lines: list[str], name: str, labels: dict[str, str], value: float) -> None:
    """As the clients mean it; fields that nobody knows are skipped."""
    values, refused = after(*lines)
    assert values == {(name, tuple(sorted(labels.items()))): value}
    [found] = values.values()
    assert type(found) is type(value), "a counter is an int while all that was counted is whole"
    assert not refused


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("page.views:-1|c", "negative"),
        ("nan:NaN|c", "value"),
        ("inf:inf|g", "value"),
        ("a:1_0|c", "value"),
        ("a: 7 |c", "value"),
        ("a:1e999|g", "value"),
        ("a:" + "9" * 65 + "|c", "value"),
        ("a:9223372036854775808|c", "value"),
        ("a:1e300|h", "value"),
        ("a:1|x", "type"),
        ("a:1", "malformed"),
        ("nothing", "malformed"),
        (":1|c", "malformed"),
        ("a:1|c|@0", "rate"),
        ("a:1|c|@2", "rate"),
        ("a:1|c|@x", "rate"),
        ("a:1|h|@0.0001", "rate"),
        ("fog_x:1|g", "name"),
        ("_total:1|c", "name"),
        ("x" * 300 + ":1|g", "name"),
        ("a:1|c|#" + ",".join(f"t{n}:x" for n in range(33)), "tags"),
        ("a:1|c|#t:" + "x" * 1025, "tags"),
        ("_e{5,4}:title|tex", "malformed"),
        ("_e{5,4}title|text", "malformed"),
        ("_e{0,4}:|text", "malformed"),
        ("_sc|name|4", "malformed"),
        ("_sc|name", "malformed"),
    ],
)
def test_a_line_that_is_wrong_is_refused_by_its_reason(line: str, reason: str) -> None:
    """Once when it is new, and once when it is remembered; the lines around it are taken."""
    values, refused = after("good:1|c", line, line, "good:1|c")
    assert values == {("good_total", ()): 2}
    assert refused == {reason: 2}


def test_a_sign_is_an_addition_in_statsd_and_a_value_in_dogstatsd() -> None:
    """The same lines on the wire mean opposite things: so a listener has one dialect."""
    lines = ["g:10|g", "g:-3|g", "g:+1|g"]
    assert after(*lines, dialect=STATSD)[0] == {("g", ()): 8}
    assert after(*lines, dialect=DOGSTATSD)[0] == {("g", ()): 1}


def test_statsd_has_several_samples_in_a_line() -> None:
    """Each with a type of its own; and its lines that look like events are metrics."""
    values, refused = after("a:1|c:250|ms:3|c|@0.5", "_e{1:2|c", dialect=STATSD)
    assert values["a_total", ()] == 7
    assert isinstance(values["a_seconds", ()], HistogramValue)
    assert values["_e_1_total", ()] == 2
    assert not refused


def test_timers_are_seconds_and_each_value_of_a_sample_stands_for_several() -> None:
    """A weight that is not whole is carried to the next value, so that none is missing in the end."""
    values, _ = after(*["t:320|ms|@0.3"] * 30)
    value = values["t_seconds", ()]
    assert isinstance(value, HistogramValue)
    assert value.count == 100
    assert value.sum == pytest.approx(32)
    assert value.counts[8] == 100, "between 0.25 and 0.5"


def test_two_types_of_one_name_are_refused_and_so_is_a_name_of_another_s() -> None:
    """A counter `a` and a timer `a` go together; a gauge `a` cannot, as OpenMetrics calls the counter so."""
    values, refused = after("a:1|c", "a:1|ms", "a:1|g", "a:1|h", "a_total:2|c", "a_total:2|g")
    assert values["a_total", ()] == 3, "two names that become one are added up"
    assert refused == {"clash": 3}
    totals = Totals(Plan(DOGSTATSD), taken=lambda sample: sample == "up")
    totals.take(b"up:1|g", 0.0)
    assert totals.take_refused() == [("clash", 1)]


def test_names_that_become_one_are_told_once() -> None:
    """By their names."""
    told: list[tuple[str, str, str]] = []
    totals = Totals(Plan(DOGSTATSD), clash=lambda *names: told.append(names))
    totals.take(b"a.b:1|c\na-b:1|c\na-b:1|c\na.b:1|c", 0.0)
    assert told == [("a-b", "a.b", "a_b_total")]


def test_a_set_shows_the_distinct_values_of_the_last_interval() -> None:
    """A gauge for which no rollup is chosen: no sum of distinct values is true. It never grows beyond its limits."""
    totals = Totals(Plan(DOGSTATSD, limits=Limits(interval=10)))
    assert not totals.collect(0)
    totals.take(b"u:a|s\nu:b|s\nu:a|s\nu:a:c|s", 1.0)
    assert not shown(totals, 9), "the interval is not over"
    assert shown(totals, 10) == {("u", ()): 3}
    totals.take(b"u:a|s", 11.0)
    [family] = totals.collect(12)
    assert (family.family.type, family.family.rollup, family.series[0].value) == (MetricType.GAUGE, (), 3)
    assert shown(totals, 20) == {("u", ()): 1}
    totals.take(b"\n".join(b"u:%d|s" % number for number in range(10_001)), 21.0)
    assert totals.take_refused() == [("members", 1)]
    totals.take(b"\n".join(b"v%d:%d|s" % (number // 9_000, number) for number in range(100_000)), 22.0)
    assert totals.take_refused() == [("members", 10_000)], "all sets together have 100,000"
    assert shown(totals, 30)["u", ()] == 10_000
    totals.take(b"w:1|s", 31.0)
    assert not totals.take_refused(), "the next interval has room again"


def test_a_set_that_ends_within_its_interval_leaves_its_room() -> None:
    """Its members count among those of all sets, 100,000 at most."""
    totals = Totals(Plan(DOGSTATSD, limits=Limits(interval=3_600, idle=60)))
    totals.collect(0)
    for number in range(10):
        totals.take(b"\n".join(b"u%d:%d|s" % (number, member) for member in range(10_000)), 1.0)
    for now in range(15, 120, 15):
        totals.collect(now)
    totals.take(b"w:1|s", 121.0)
    assert not totals.take_refused()


def test_events_and_service_checks() -> None:
    """Lengths are bytes; a check is an event when its status changes, and a gauge all the time."""
    totals = Totals(Plan(DOGSTATSD))
    event = "_e{8,12}:title é|line1\\nline2|t:error|h:me|x:unknown|#x:y,flag"
    checks = ["_sc|db.up|0|#x:y", "_sc|db.up|2|d:1|#x:y|m:no: answer", "_sc|db.up|2|#x:y"]
    totals.take("\n".join([event, *checks]).encode(), 0.0)
    first, second = totals.take_happenings()
    assert (first.title, first.tags, first.status) == ("title é", {"x": "y", "flag": "true"}, None)
    assert first.facts == {"text": "line1\nline2", "alert_type": "error", "host": "me"}
    assert (second.title, second.status, second.facts) == ("db.up", 2, {"timestamp": "1", "message": "no: answer"})
    assert totals.counted == 4
    assert shown(totals) == {("service_check_status", (("check", "db.up"), ("x", "y"))): 2}
    assert totals.take_happenings() == []
    totals.take(b"\n".join([b"_e{1,1}:a|b"] * 101), 0.0)
    assert totals.take_refused() == [("events", 3)], "100 in a second, with the two from before"


def test_lengths_of_events_in_characters_are_understood() -> None:
    """hot-shots 17.1 sends them so, and an emoji as two."""
    totals = Totals(Plan(DOGSTATSD))
    totals.take("_e{9,3}:title é😀|aé!|t:info|#x:é".encode(), 0.0)
    [event] = totals.take_happenings()
    assert (event.title, event.tags, event.facts) == ("title é😀", {"x": "é"}, {"text": "aé!", "alert_type": "info"})


def test_mappings_give_names_labels_and_buckets() -> None:
    """The first that fits; a part of a name is what a star stands for."""
    rules = (
        Mapping("app.*.requests.*", "requests", (("app", "$1"), ("code", "c${2}"))),
        Mapping("app.*.time", "time_$1", buckets=(1.0,)),
        Mapping("app.*.wide", buckets=Exponential(2)),
        Mapping("queue.*", updown=True, rollup=("sum",)),
        Mapping("debug.*", drop=True),
        Mapping("app.*.*", "never"),
        Mapping("to.*", "$1"),
    )
    totals = Totals(Plan(DOGSTATSD, mappings=Mappings(rules)))
    text = b"app.web.requests.200:1|c|#app:tag,x:y\napp.web.time:500|ms\napp.a.wide:3|h\nqueue.a:2|c\nqueue.a:-5|c"
    totals.take(text + b"\ndebug.a:1|c\napp.x.y:1|g\napp.x:1|g", 0.0)
    assert shown(totals) == {
        ("requests_total", (("app", "web"), ("code", "c200"), ("x", "y"))): 1,
        ("time_web_seconds", ()): HistogramValue((1, 0), 0.5),
        ("app_a_wide", ()): Store(2, 160).count([3.0]).value(3.0),
        ("queue_a", ()): -3,
        ("never", ()): 1,
        ("app_x", ()): 1,
    }
    assert totals.take_refused() == [("mapping", 1)]
    totals.take(b"to.:1|c\nto.x:1|g", 0.0)
    assert totals.take_refused() == [("name", 1)], "the star stands for nothing"
    assert shown(totals)["x", ()] == 1
    assert next(one.family.rollup for one in totals.collect(1) if one.family.name == "queue_a") == ("sum",)


def test_series_are_bounded_in_all_and_by_the_second() -> None:
    """Refused lines are counted, and those of known series are taken; an idle series makes room."""
    totals = Totals(Plan(DOGSTATSD, limits=Limits(series=5, new_series=3, idle=100)))
    totals.take(b"\n".join(b"a:1|c|#n:%d" % number for number in range(4)), 0.0)
    assert totals.take_refused() == [("new_series", 1)]
    totals.take(b"\n".join(b"a:1|c|#n:%d" % number for number in range(4, 7)), 1.0)
    assert totals.take_refused() == [("series", 1)]
    for now in (0, 30, 60, 90):
        totals.take(b"a:1|c|#n:0", now)
        totals.collect(now)
    totals.take(b"a:1|c|#n:0", 120.0)
    assert shown(totals, 120) == {("a_total", (("n", "0"),)): 6}, "the idle ones have ended"
    totals.take(b"a:1|c|#n:1\na:1|c|#n:9", 130.0)
    assert shown(totals, 130)["a_total", (("n", "1"),)] == 1, "it begins anew"
    assert not totals.take_refused()


def test_a_name_that_was_idle_counts_again() -> None:
    """The collector remembers families for good; one whose series have ended is not another program's."""
    collector = TelemetryCollector(self_metrics=False)
    plan = Plan(DOGSTATSD, limits=Limits(idle=60))
    totals = Totals(plan, taken=lambda sample: collector.get_metric(sample) is not None)
    clock = count(0, 15)
    collector.add_source(lambda: totals.collect(next(clock)))
    totals.take(b"a:1|c", 0)
    for _ in range(10):
        collector.collect()
    totals.take(b"a:5|c", 150)
    assert [one.value for family in collector.collect() for one in family.series] == [5]
    assert not totals.take_refused()


def test_an_idle_series_is_shown_with_its_last_value_before_it_ends() -> None:
    """Counts that no reading has seen are never lost: it ends no earlier than after a reading without a new line."""
    totals = Totals(Plan(DOGSTATSD, limits=Limits(idle=60)))
    last: Value | None = None
    for now in range(0, 600, 7):
        if now % 140 == 0:
            totals.take(b"a:1|c", now)
        values = shown(totals, now)
        if ("a_total", ()) in values:
            last = values["a_total", ()]
        else:
            assert last == 1
            assert now % 140 > 60


def test_what_follows_the_value_is_remembered_within_bounds() -> None:
    """A tag that is another in each line costs time, and no memory beyond the limits."""
    totals = Totals(Plan(DOGSTATSD, limits=Limits(series=10, new_series=100_000)))
    for number in range(50_000):
        totals.take(b"bad:1|x%d" % number, 0.0)
    assert len(totals._routes) <= 20_000  # noqa: SLF001 - memory that nobody sees
    assert totals.take_refused() == [("type", 50_000)]


NAMES = st.sampled_from(["a", "b.c", "d"])
KINDS = st.sampled_from(["c", "h", "ms", "g"])
NUMBERS = st.one_of(st.integers(0, 10_000), st.integers(0, 64).map(lambda one: one / 8))
SAMPLES = st.lists(st.tuples(NAMES, KINDS, NUMBERS, st.sampled_from([1, 0.5, 0.1, 0.25]), st.sampled_from("xy")))


@given(SAMPLES, st.data(), st.sampled_from([STATSD, DOGSTATSD]))
def test_totals_are_the_sums_of_what_was_sent(
    samples: list[tuple[str, str, float, float, str]], data: st.DataObject, dialect: str
) -> None:
    """Against plain sums by name, however lines are put into datagrams."""
    lines = [f"{name}.{kind}:{value}|{kind}|@{rate}|#t:{tag}" for name, kind, value, rate, tag in samples]
    totals = Totals(Plan(dialect, buckets=(1.0, 100.0)))
    while lines:
        size = data.draw(st.integers(1, len(lines)))
        totals.take("\n".join(lines[:size]).encode() + data.draw(st.sampled_from([b"", b"\n"])), 0.0)
        lines = lines[size:]
    sums: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    gauges: dict[tuple[str, str], float] = {}
    for name, kind, value, rate, tag in samples:
        key = (f"{name}.{kind}".replace(".", "_") + {"c": "_total", "ms": "_seconds"}.get(kind, ""), tag)
        sums[key] += (value / 1_000 if kind == "ms" else value) * round(1 / rate)  # type: ignore[assignment]
        counts[key] += round(1 / rate)
        gauges[key] = value
    found = {(name, labels[0][1]): value for (name, labels), value in shown(totals).items()}
    assert found.keys() == counts.keys()
    for key, total in found.items():
        if isinstance(total, HistogramValue):
            assert total.count == counts[key]
            assert total.sum == pytest.approx(sums[key])
        else:
            assert total == (gauges[key] if key[0].endswith("_g") else sums[key])
    assert totals.counted == len(samples)
    assert totals.take_refused() == []


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=600))
def test_exponential_buckets_are_those_of_the_instruments(values: list[float]) -> None:
    """Counted in batches here, one by one there."""
    totals = Totals(Plan(DOGSTATSD, buckets=Exponential()))
    for value in values:
        totals.take(f"a:{value!r}|h".encode(), 0.0)
    store = Store(3, 160).count(sorted(values))
    found = shown(totals)["a", ()]
    assert isinstance(found, ExponentialValue)
    assert found == store.value(found.sum)
    assert found.sum == pytest.approx(sum(values), abs=1e-3)


SIGNS = st.text("ab.:|#@,cgsmhdT_e{}01-+5\\é\n", max_size=60)


@given(st.lists(SIGNS | st.binary(max_size=40)), st.sampled_from([STATSD, DOGSTATSD]))
def test_no_bytes_raise_and_each_line_is_counted_or_refused(sent: list[str | bytes], dialect: str) -> None:
    """Nothing is lost without a word."""
    totals = Totals(Plan(dialect))
    for one in sent:
        data = one.encode() if isinstance(one, str) else one
        before = totals.counted
        totals.take(data, 0.0)
        refused = dict(totals.take_refused())
        assert refused.keys() <= set(REASONS)
        assert totals.counted - before + sum(refused.values()) >= len([line for line in data.split(b"\n") if line])
    totals.collect(1.0)
