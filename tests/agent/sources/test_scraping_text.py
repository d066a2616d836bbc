"""The parser of the text format: as prometheus_client's on what both take, and never fooled by a line's look."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from fog_agent.sources.scraping.families import Families
from fog_agent.sources.scraping.page import Page, PageReader
from utilityfog_frontend.telemetry.kinds import HistogramValue, MetricType, Value
from utilityfog_frontend.telemetry.model import Labels


def reader(most: int = 1000) -> PageReader:
    """Return a reader without labels of ours."""
    return PageReader(Families({}), most)


def values(page: Page) -> dict[tuple[str, Labels], Value]:
    """Return each series of a page."""
    return {(one.family.name, each.labels): each.value for one in page.families for each in one.series}


NAMES = st.sampled_from(["a", "b_total", "c:d", "e_seconds"])
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]) | st.sampled_from('\\"\n{}=, #'), max_size=8)
LABELS = st.dictionaries(st.sampled_from(["x", "y", "z1"]), TEXTS.filter(bool), max_size=3)
NUMBERS = (
    st.integers(0, 10**6).map(str)
    | st.floats(0, allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from(["1e3", "+5", ".5", "7.", "-2", "-0", "NaN", "+Inf", "-Inf"])
)
SPACES = st.sampled_from([" ", " ", " ", "  ", "\t"])
STAMPS = st.sampled_from(["", "", "", " 1700000000000"])


def escaped(text: str) -> str:
    """Write a label's value."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@st.composite
def pages(draw: st.DrawFn) -> list[bytes]:
    """Write some pages of one target, with the same series in several of them."""
    one = st.tuples(NAMES, LABELS, st.booleans())
    series = draw(st.lists(one, min_size=1, max_size=6, unique_by=lambda each: repr(each[:2])))
    bodies = []
    for _ in range(3):
        lines = []
        for name, labels, braces in series:
            inner = ",".join(f'{label}="{escaped(text)}"' for label, text in labels.items())
            key = name + (f"{{{inner}}}" if labels or braces else "")
            lines.append(f"{key}{draw(SPACES)}{draw(NUMBERS)}{draw(STAMPS)}\n")
        bodies.append("".join(lines).encode())
    return bodies


def as_client(body: bytes) -> dict[tuple[str, Labels], float]:
    """Read a page by prometheus_client's parser."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families("# TYPE b_total gauge\n" + body.decode())
        for sample in family.samples
    }


@settings(max_examples=300, deadline=None)
@given(pages())
def test_pages_are_read_as_by_the_client_of_prometheus(bodies: list[bytes]) -> None:
    """Page after page by one reader, so that what is remembered is used; all are gauges here."""
    ours = reader()
    for body in bodies:
        found = values(ours.read(b"# TYPE b_total gauge\n" + body, 1.0))
        wanted = as_client(body)
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            ours_value = found[key]
            assert isinstance(ours_value, int | float)
            assert ours_value == value or (math.isnan(ours_value) and math.isnan(value)), key


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"a", b"{", b"}", b'x="', b'"', b" ", b"1", b"_", b"\n", b"#", b",", b"\\", b"\xff"])))
def test_no_bytes_break_it(pieces: list[bytes]) -> None:
    """Whatever it is: read, or refused and counted, the second time as the first."""
    ours, body = reader(), b"".join(pieces) + b"\n"
    first = ours.read(body, 1.0)
    second = ours.read(body, 1.0)
    assert (values(first), first.refused) == (values(second), second.refused)


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ('a{b="}"} 1 1700000000000', ("a", (("b", "}"),)), 1.0),
        ('a{b="} 2"} 1', ("a", (("b", "} 2"),)), 1.0),
        ('a{b="x # y"} 3', ("a", (("b", "x # y"),)), 3.0),
        ('{"my.metric"} 4', ("my_metric", ()), 4.0),
        ('{"my.metric",b="c"} 4', ("my_metric", (("b", "c"),)), 4.0),
        ('a{"b.c"="d"} 5', ("a", (("b_c", "d"),)), 5.0),
        ('a { b = "c" , } 6', ("a", (("b", "c"),)), 6.0),
        ('a{b="",c="d"} 7', ("a", (("c", "d"),)), 7.0),
        ("a{}8", ("a", ()), 8.0),
        ("a +Inf", ("a", ()), math.inf),
    ],
)
def test_lines_that_look_like_others(line: str, key: tuple[str, Labels], value: float) -> None:
    """Twice by one reader: with care, and as it is remembered."""
    ours = reader()
    for _ in range(2):
        page = ours.read(line.encode() + b"\n", 1.0)
        assert values(page) == {key: value}
        assert not page.refused


@pytest.mark.parametrize(
    "line",
    [
        'a_bucket{le="1"} 3 # {trace="x"} 0.5 1.0',
        *("a 1_0", "a 0x10", "a infinit", "a", "a ", "1a 5", "a 1\r", "a 1 2.5", "a 1 2 3", "a \u0661"),
        *('a{b="c} 1', "a{b=c} 1", 'a{b="c" d="e"} 1', 'a{b="c",b="d"} 1', 'a{__name__="b"} 1', '{b="c"} 1', "{} 1"),
        *('a{"x.y"} 1', "fog_nodes 1", 'a{b-c="1"} 1', 'a{"b.c"="1",b_c="2"} 1', "é 1"),
    ],
)
def test_what_is_no_sample_is_refused_and_counted(line: str) -> None:
    """Also after the reader has met the metric."""
    ours = reader()
    for _ in range(2):
        page = ours.read(f"{line}\nb 1\n".encode(), 1.0)
        assert page.refused == {"line": 1}, page.texts
        assert values(page) == {("b", ()): 1.0}
    ours = reader()
    ours.read(b"a 1\na_bucket 1\n", 1.0)
    assert ours.read(f"{line}\nb 1\n".encode(), 1.0).refused == {"line": 1}


def test_a_tab_before_the_value_is_no_key() -> None:
    """The next page has a time behind the value."""
    ours = reader()
    assert values(ours.read(b"a\t0\n", 1.0)) == values(ours.read(b"a\t0 1700000000000\n", 1.0)) == {("a", ()): 0.0}


def test_a_page_that_was_cut_short_is_refused() -> None:
    """`12` may have been `123`."""
    with pytest.raises(ValueError, match="cut short"):
        reader().read(b"a 1\nb 12", 1.0)


def test_a_page_of_too_many_samples_keeps_those_that_were_there() -> None:
    """A new one beyond is refused; lines beyond all measure refuse the page."""
    ours = reader(most=2)
    ours.read(b"a 1\nb 1\n", 1.0)
    page = ours.read(b"c 1\na 2\nd 1\nb 2\n", 1.0)
    assert page.refused == {"series": 2}
    assert values(page) == {("a", ()): 2.0, ("b", ()): 2.0}
    with pytest.raises(ValueError, match="more than 16 lines"):
        ours.read(b"\n" * 17, 1.0)


def test_a_sample_that_is_there_twice_is_counted() -> None:
    """However it is written."""
    page = reader().read(b'a 1\na 2\nb{x="1",y="2"} 1\nb{y="2",x="1"} 3\n', 1.0)
    assert sum(page.refused.values()) == 2
    assert values(page) == {("a", ()): 1.0, ("b", (("x", "1"), ("y", "2"))): 1.0}


def test_types_make_counters_gauges_and_histograms() -> None:
    """Untyped is a gauge, unless it ends in `_total`; of a summary, sum and count are counters."""
    page = reader().read(
        b"# HELP c of \\\\ things\n# TYPE c counter\nc 2\nu_total 3\nu 4\n"
        b'# TYPE s summary\ns{quantile="0.5"} 9\ns_sum 10\ns_count 5\n'
        b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 3\nh_sum 4.5\nh_count 3\n',
        1.0,
    )
    kinds = {one.family.name: one.family.type for one in page.families}
    counters = dict.fromkeys(["c", "u_total", "s_sum", "s_count"], MetricType.COUNTER)
    assert kinds == counters | dict.fromkeys(["u", "s"], MetricType.GAUGE) | {"h": MetricType.HISTOGRAM}
    assert page.families[0].family.help == "of \\ things"
    assert values(page)["h", ()] == HistogramValue((1, 2), 4.5)
    assert type(values(page)["c", ()]) is int
    assert not page.refused


@pytest.mark.parametrize(
    "lines",
    [
        'h_bucket{le="1"} 3\nh_bucket{le="+Inf"} 2\n',
        'h_bucket{le="1"} 3\nh_sum 2\n',
        'h_bucket{le="1"} 0.5\nh_bucket{le="+Inf"} 2\n',
        'h_bucket{le="1"} NaN\nh_bucket{le="+Inf"} 2\n',
        'h_bucket{le="+Inf"} 2\nh_sum NaN\n',
        "h_sum 1\nh_count 1\n",
    ],
)
def test_a_histogram_that_is_none_is_refused(lines: str) -> None:
    """Buckets are whole, rise, and end in +Inf."""
    page = reader().read(b"# TYPE h histogram\n" + lines.encode(), 1.0)
    assert page.refused == {"buckets": 1}
    assert not page.families


def test_a_count_below_zero_is_refused() -> None:
    """And NaN."""
    page = reader().read(b"# TYPE c counter\nc -1\nd_total NaN\n", 1.0)
    assert page.refused == {"value": 2}


def test_another_type_is_taken() -> None:
    """A new version of the target: what was remembered is read anew."""
    ours = reader()
    ours.read(b"# TYPE a gauge\na 1\n", 1.0)
    [family] = ours.read(b"# TYPE a counter\na 1\n", 1.0).families
    assert family.family.type is MetricType.COUNTER


def test_a_type_that_comes_back_is_taken() -> None:
    """A new version of the target, and the old one again; of two on one page the last one stays."""
    ours = reader()
    for kind in (MetricType.GAUGE, MetricType.COUNTER, MetricType.GAUGE, MetricType.GAUGE):
        [family] = ours.read(f"# HELP a is a {kind.value}\n# TYPE a {kind.value}\na 1\n".encode(), 1.0).families
        assert (family.family.type, family.family.help) == (kind, f"is a {kind.value}")
    for number in range(3):
        body = f"# TYPE a gauge\n# TYPE a counter\na 1\nb{number} 1\n"
        assert ours.read(body.encode(), 1.0).families[0].family.type is MetricType.COUNTER


def test_what_vanishes_is_forgotten() -> None:
    """And may come back."""
    ours = reader()
    ours.read(b"a 1\nb 1\n", 1.0)
    assert values(ours.read(b"a 1\n", 1.0)) == {("a", ()): 1.0}
    assert values(ours.read(b"a 1\nb 5\n", 1.0)) == {("a", ()): 1.0, ("b", ()): 5.0}


def test_ours_beside_the_target_s_labels() -> None:
    """A label of the target's that is ours becomes `exported_…`, or wins."""
    line = b'a{job="x",exported_job="y",z="1"} 1\n'
    ours = {"job": "app", "dc": "1"}
    page = PageReader(Families(ours), 10).read(line, 1.0)
    assert dict(page.families[0].series[0].labels) == {
        "job": "app",
        "exported_job": "y",
        "exported_exported_job": "x",
        "dc": "1",
        "z": "1",
    }
    page = PageReader(Families(ours, honor=True), 10).read(line, 1.0)
    assert dict(page.families[0].series[0].labels) == {"job": "x", "exported_job": "y", "dc": "1", "z": "1"}


def test_a_time_of_creation_that_rises_is_told_as_of_now() -> None:
    """Then all of the count is new to who reads it, however long nobody could read it."""
    ours = reader()
    told = []
    for created, now in [(100, 200.0), (100.5, 300.0), (150, 400.0), (150, 500.0)]:
        body = f"# TYPE c_total counter\nc_total 5\n# TYPE c_created gauge\nc_created {created}\n"
        [family] = ours.read(body.encode(), now).families
        told.append(family.series[0].created)
    assert told == [100.0, 100.0, 401.0, 401.0]


@pytest.mark.parametrize("created", ["NaN", "+Inf", "-Inf"])
def test_a_time_of_creation_that_is_none(created: str) -> None:
    """It says nothing: a count that is all new to its reader would be counted in full."""
    ours = reader()
    told = []
    for text in (created, "100", created):
        body = f"# TYPE c_total counter\nc_total 5\nc_created {text}\n"
        told += [one.series[0].created for one in ours.read(body.encode(), 200.0).families]
    assert told == [None, 100.0, None]
