"""The fence: what would kill the process or hold it is refused, and what the parser misreads is put right."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_aggregator.promql import BadQueryError, QueryError, instant_query, parse, range_query
from fog_aggregator.promql.language.scan import MAX_NESTING, MAX_OPERATORS, MAX_TEXT, fence
from fog_aggregator.promql.language.tree import Call, Number, Selector, Subquery, Text, Window
from tests.promql.asking import ask, load, value

DEADLY = """
import sys
from fog_aggregator.promql import BadQueryError, parse
for text in ("1" + "+1" * 4500, "(" * 8200 + "1", "a" + " or a" * 2000, "-" * 8000 + "a", "sum(" * 2000 + "a"):
    try:
        parse(text)
    except BadQueryError:
        print("refused")
"""


def refusal(text: str) -> str:
    """Return the text of the error that an expression gives."""
    with pytest.raises(BadQueryError) as caught:
        parse(text)
    return str(caught.value)


def test_deep_trees_do_not_end_the_process() -> None:
    """9 kB of `1+1`, and brackets, `or`, signs and calls as deep: refused, and the process lives."""
    done = subprocess.run([sys.executable, "-c", DEADLY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n" * 5), done.stderr


def test_length_is_limited_in_bytes() -> None:
    """A label value of two-byte letters counts twice."""
    assert str(MAX_TEXT) in refusal('x{a="' + "é" * (MAX_TEXT // 2) + '"}')
    parse('x{a="' + "e" * (MAX_TEXT // 2) + '"}')


def test_operators_are_counted() -> None:
    """The most that may be are parsed and evaluated; one more is refused."""
    assert value(load("x 1"), "1" + "+1" * MAX_OPERATORS) == MAX_OPERATORS + 1
    assert "operators" in refusal("1" + "+1" * (MAX_OPERATORS + 1))
    assert "operators" in refusal("x" + " AND x" * (MAX_OPERATORS + 1))
    assert "operators" in refusal("-" * (MAX_OPERATORS + 1) + "x")


def test_brackets_are_counted() -> None:
    """The deepest that may be are parsed and evaluated; one more is refused; in strings they do not count."""
    nested = "abs(" * (MAX_NESTING - 1) + "x" + ")" * (MAX_NESTING - 1)
    assert value(load("x -1"), nested) == 1
    assert "brackets" in refusal("(" * (MAX_NESTING + 1) + "1" + ")" * (MAX_NESTING + 1))
    parse('x{a="' + "(" * 1000 + '"}')
    parse("x # " + "(" * 1000)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"x{a=~`\d+`}", r"\d+"),
        ('x{a=`a"b`}', 'a"b'),
        ("x{a=`a\nb`}", "a\nb"),
        (r"x{a=`\n`}", r"\n"),
        ("x{a='`'}", "`"),
    ],
)
def test_backquoted_strings_are_raw(text: str, meant: str) -> None:
    """The parser unescapes them; in Prometheus what they contain stands for itself."""
    tree = parse(text)
    assert isinstance(tree, Selector)
    assert tree.matchers[0].value == meant


def test_a_string_without_an_end_is_said_so() -> None:
    """Whatever its quotes are."""
    for text in ('x{a="b}', "x{a='b}", "x{a=`b}"):
        assert "unterminated quoted string" in refusal(text)


OUT_OF_BOUNDS: Final = (
    "x @ -1", "x @ - 1", "x @ 1e15", "x @ 253402300800", "x @ Inf", "x @ NaN", "x[100000000y]", "x offset 100000000y",
    "x[1e300]", "x[5m:1e300]", "x[5m : 1e300]", "x offset 1e300", "x offset -1e300", "x OFFSET Inf", "x[1e19]",
    "x[1e20]",
)  # fmt: skip


@pytest.mark.parametrize("text", OUT_OF_BOUNDS)
def test_times_out_of_bounds_are_errors_of_ours(text: str) -> None:
    """The parser panics at these, past `except Exception`, or raises what is no parse error."""
    assert refusal(text).startswith("parse error: ")


def test_times_out_of_bounds_leave_no_trace() -> None:
    """A panic of the parser prints one on standard error, each time: it does not come to that."""
    program = f"""
from fog_aggregator.promql import BadQueryError, parse
for text in {OUT_OF_BOUNDS}:
    try:
        parse(text)
    except BadQueryError:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("refused\n" * len(OUT_OF_BOUNDS), "")


def test_times_within_bounds_pass() -> None:
    """Also where they look like the others."""
    for text in (
        "x @ 1e9",
        "x @ -0",
        "x offset -5m",
        "x[1e3:1e1]",
        "1e300 + x",
        '{__name__="a:b"}',
        "-1e300",
    ):
        parse(text)


@pytest.mark.parametrize("text", ["x[0]", "x[0s]", "x[5m:0]", "x[0:1m]", "x[5m:0s]"])
def test_ranges_and_steps_are_positive(text: str) -> None:
    """The parser takes them; a step of nothing would divide by it."""
    assert "greater than 0" in refusal(text)


def test_or_between_matchers_is_refused() -> None:
    """The parser has them apart from the other matchers: read without them, the selector would select everything."""
    assert '"or" is not allowed between matchers' in refusal('x{a="1" or b="2"}')


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mad_over_time(x[5m])", "mad_over_time"),
        ("double_exponential_smoothing(x[5m], 0.5, 0.5)", "double_exponential_smoothing"),
        ('sort_by_label(x, "a")', "sort_by_label"),
        ("info(x)", "info"),
        ("limitk(2, x)", "limitk"),
        ("limit_ratio(0.5, x)", "limit_ratio"),
        ("ts_of_max_over_time(x[5m])", "ts_of_max_over_time"),
        ("x + fill(0) y", "fill"),
        ("histogram_avg(x)", "histogram_avg"),
        ("histogram_stddev(x)", "histogram_stddev"),
        ("step()", "step"),
        ("rate(x[5m] anchored)", "anchored"),
        ("rate(x[5m]smoothed)", "smoothed"),
    ],
)
def test_what_is_left_out_is_refused_by_name(text: str, name: str) -> None:
    """Experimental functions, aggregations and modifiers, and functions of native histograms."""
    said = refusal(text)
    assert f'"{name}"' in said
    assert "not supported here" in said


@pytest.mark.parametrize("text", ["x[5m + 1m]", "x[5m:2 * 30s]", "x offset (1m + 30s)"])
def test_computed_durations_are_refused_in_words(text: str) -> None:
    """They are experimental as well; a negative one is only wrong."""
    assert "durations that are computed are experimental" in refusal(text)
    assert "computed" not in refusal("x[-5m]")


@pytest.mark.parametrize(
    "text",
    [
        "rate(x)", "sum(x[5m])", "1 and 2", "1 > 2", "{}", '{a=""}', '{a=~".*"}', "x and group_left y", '"a" + 1',
        "x +", "foo(x)", "round(x, 1, 2)", "x + on (a) group_left (a) y", 'x{a=~"("}', "x[5m] offset", "+ bool x", "",
        '{__name__="x", a!~".+"', "x\ud800", "x \x00",
    ],
)  # fmt: skip
def test_what_is_no_promql_is_bad_data(text: str) -> None:
    """Whatever is wrong, it is one error with the API's type."""
    with pytest.raises(BadQueryError) as caught:
        instant_query(text, load("x 1"), 0)
    assert caught.value.error_type == "bad_data"


def test_types_are_called_as_prometheus_calls_them() -> None:
    """Not as the parser does."""
    assert (
        refusal("rate(x)") == "parse error: expected type range vector in call to function 'rate', got instant vector"
    )


def test_the_tree_has_whole_milliseconds() -> None:
    """A negative duration has negative days and positive seconds; fractions of a second count."""
    tree = parse("sum_over_time(x[1m30s:500ms] offset -1d2ms @ 1.2344)")
    assert isinstance(tree, Call)
    (subquery,) = tree.arguments
    assert isinstance(subquery, Subquery)
    assert (subquery.range, subquery.step, subquery.offset, subquery.at) == (90_000, 500, -86_400_002, 1234)


def test_the_tree_has_no_parentheses() -> None:
    """They only group: `timestamp((x))` is `timestamp(x)`."""
    assert parse("((x))") == parse("x")
    assert parse("((1))") == Number(1.0)
    assert parse('("a")') == Text("a")
    assert isinstance(parse("(x[5m])"), Window)


def test_numbers_are_read_as_prometheus_reads_them() -> None:
    """Hexadecimal, octal, durations as numbers, and numbers as durations."""
    assert [value(load("x 1"), text) for text in ("0x1F", "0755", "1e3", ".5", "5m", "Inf")] == [
        31, 493, 1000, 0.5, 300, float("inf"),
    ]  # fmt: skip
    tree = parse("x[300]")
    assert isinstance(tree, Window)
    assert tree.range == 300_000


def test_precedence_is_that_of_prometheus() -> None:
    """The power binds right, and stronger than a sign; `and` stronger than `or`."""
    storage = load("x 3", "y 5")
    assert value(storage, "2^3^2") == 512
    assert value(storage, "-2^2") == -4
    assert ask(storage, "x or y and vector(1)") == ask(storage, "x or (y and vector(1))")


def test_patterns_that_are_slow_elsewhere_are_not() -> None:
    """RE2 has no backtracking: Python's `re` would not come back from this one."""
    storage = load('x{a="' + "a" * 100 + '!"} 1')
    assert ask(storage, 'x{a=~"(a+)+$"}') == {}


def test_the_scanner_leaves_the_rest_as_it_is() -> None:
    """Comments, numbers and strings pass untouched."""
    text = 'x{a="b\\"c", d=\'e\'} # `x`\n + 1e-3 * 0x1F'
    assert fence(text) == text


PIECES: Final = (
    *"()[]{},:+-*/%^@=<>!~ \n\"'`#\\.", "x", "sum", "rate", "by", "on", "group_left", "bool", "and", "or", "5m",
    "1", "0", "offset", "start()", "=~", "==", '"a"', "a", "Inf", "NaN", "1e9", "-1", "y", "é", "\x00", "\ud800",
    "100000y",
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_has_an_answer_or_an_error_of_ours(text: str) -> None:
    """Whatever the pieces are put together to, at a moment and over a range."""
    storage = load('x{a="1"} 1 2', "y 3")
    with suppress(QueryError):
        instant_query(text, storage, 10_000)
    with suppress(QueryError):
        range_query(text, storage, 0, 20_000, 10_000)
