"""The semantics of labels: names that go, series that meet, matchers, and how two vectors are paired."""

from __future__ import annotations

import pytest

from fog_aggregator.promql import EvaluationError, instant_query
from fog_aggregator.promql.evaluation.matrix import SAME_LABELS
from tests.promql.asking import ask, load, over, value

PAIR = load('x{a="1"} 1', 'x{a="2"} 2', 'y{a="1"} 10', 'y{a="3"} 30')


def error_of(storage: object, expression: str, at: float = 0.0) -> str:
    """Return the text of the error that an expression gives."""
    with pytest.raises(EvaluationError) as caught:
        ask(storage, expression, at)  # type: ignore[arg-type]
    assert caught.value.error_type == "execution"
    return str(caught.value)


@pytest.mark.parametrize(
    "expression",
    [
        "x + 1", "-x", "x == bool 1", "abs(x)", "rate(x[1m])", "sum(x)", "sum by (a) (x)", "sum without (b) (x)",
        "x atan2 1", "timestamp(x)", "max_over_time(x[1m])", "x * x", "clamp(x, 0, 1)", "round(x)", "quantile(0, x)",
    ],
)  # fmt: skip
def test_the_name_goes(expression: str) -> None:
    """With arithmetic, `bool`, functions, signs and aggregations."""
    storage = load('x{a="1"} 1 2 3')
    assert all("__name__" not in labels for labels in ask(storage, expression, 20))
    assert ask(storage, expression, 20)


@pytest.mark.parametrize(
    "expression",
    [
        "x", "x == 3", "3 == x", "x and x", "x or x", "x unless y", "sort(x)", "last_over_time(x[1m])",
        "first_over_time(x[1m])", 'label_replace(x, "b", "c", "a", ".*")', "topk(1, x)", "bottomk(1, x)", "x > y",
        "sum by (__name__) (x)", 'label_join(x, "b", "", "a")',
    ],
)  # fmt: skip
def test_the_name_stays(expression: str) -> None:
    """With filters, set operators, sorting, and what hands samples through."""
    storage = load('x{a="1"} 1 2 3', 'y{a="1"} 1 1 1')
    if expression == "x unless y":
        storage = load('x{a="1"} 1 2 3')
    assert all('__name__="x"' in labels for labels in ask(storage, expression, 20))
    assert ask(storage, expression, 20)


@pytest.mark.parametrize("function", ["abs({0})", "-{0}", "{0} + 1", "timestamp({0})", "rate({0}[1m])", "{0} > bool 0"])
def test_series_that_become_equal_at_one_step_are_an_error(function: str) -> None:
    """Without their names they are the same."""
    storage = load('x{a="1"} 1 2', 'y{a="1"} 3 4')
    assert error_of(storage, function.format('{__name__=~"x|y"}'), 10) == SAME_LABELS


@pytest.mark.parametrize("function", ["abs({0})", "-{0}", "{0} + 1", 'label_replace({0}, "__name__", "z", "", "")'])
def test_series_that_take_turns_are_joined(function: str) -> None:
    """At different steps they do not meet; since 3.9 signs and label functions do as the others."""
    storage = load("x 1 stale", "y _ 3")
    ((_, found),) = over(storage, function.format('{__name__=~"x|y"}'), 0, 10, 10).items()
    assert [abs(one) for one in found.values()] in ([1, 3], [2, 4])


def test_functions_over_windows_do_not_join() -> None:
    """Two series without their names are an error, even at different steps."""
    storage = load("x 1 2 stale", "y _ _ _ _ _ _ _ _ _ 3 4")
    with pytest.raises(EvaluationError, match=SAME_LABELS):
        over(storage, 'delta({__name__=~"x|y"}[20s])', 0, 100, 10)


def test_an_empty_label_is_none() -> None:
    """In matchers, and in what label functions make."""
    storage = load('x{a="1",b=""} 1', 'x{b="2"} 2')
    assert ask(storage, 'x{b=""}') == {'{__name__="x", a="1"}': 1}
    assert ask(storage, 'x{a=""}') == {'{__name__="x", b="2"}': 2}
    assert ask(storage, 'x{c=""}') == ask(storage, "x")
    assert ask(storage, 'label_replace(x{b="2"}, "b", "", "", ".*")') == {'{__name__="x"}': 2}
    assert ask(storage, 'x{a!=""}') == {'{__name__="x", a="1"}': 1}


def test_patterns_are_anchored_and_a_dot_is_anything() -> None:
    """A newline too, since 3.0."""
    storage = load(r'x{a="one\ntwo"} 1', 'x{a="xonex"} 2')
    assert list(ask(storage, 'x{a=~"one"}').values()) == []
    assert list(ask(storage, 'x{a=~"one.two"}').values()) == [1]
    assert list(ask(storage, 'x{a!~"one.*"}').values()) == [2]
    assert list(ask(storage, 'x{a=~"one|xonex"}').values()) == [2]
    assert list(ask(storage, 'x{a=~"(?i)XONEX"}').values()) == [2]


def test_names_may_be_matched() -> None:
    """By a pattern, or quoted in braces."""
    assert len(ask(PAIR, '{__name__=~"x|y"}')) == 4
    assert ask(PAIR, '{"x", a="1"}') == {'{__name__="x", a="1"}': 1}


def test_pairs_are_found_by_all_labels() -> None:
    """Without the name; what has no partner is left out."""
    assert ask(PAIR, "x + y") == {'{a="1"}': 11}
    assert ask(PAIR, "x < y") == {'{__name__="x", a="1"}': 1}
    assert ask(PAIR, "x < bool y") == {'{a="1"}': 1}


def test_on_keeps_only_its_labels() -> None:
    """And `ignoring` all the others; a filter with `on` loses the name."""
    storage = load('x{a="1",b="2"} 1', 'y{a="1",c="3"} 2')
    assert ask(storage, "x + on (a) y") == {'{a="1"}': 3}
    assert ask(storage, "x + ignoring (b, c) y") == {'{a="1"}': 3}
    assert ask(storage, "x < on (a) y") == {'{a="1"}': 1}
    assert ask(storage, "x < ignoring (b, c) y") == {'{__name__="x", a="1"}': 1}
    assert ask(storage, "x + on () y") == {"{}": 3}


MANY = load('x{a="1",b="1"} 1', 'x{a="1",b="2"} 2', 'y{a="1",c="3"} 10')


def test_group_left_keeps_the_many_side() -> None:
    """With the labels that it lists, taken from the one side; one that is absent there is deleted."""
    assert ask(MANY, "x + on (a) group_left y") == {'{a="1", b="1"}': 11, '{a="1", b="2"}': 12}
    assert ask(MANY, "x + on (a) group_left (c) y") == {'{a="1", b="1", c="3"}': 11, '{a="1", b="2", c="3"}': 12}
    assert error_of(MANY, "x + on (a) group_left (b) y").startswith("multiple matches for labels: grouping labels")
    assert ask(MANY, 'x{b="1"} + on (a) group_left (b) y') == {'{a="1"}': 11}
    assert ask(MANY, "y - on (a) group_right (c) x") == {'{a="1", b="1", c="3"}': 9, '{a="1", b="2", c="3"}': 8}
    assert ask(MANY, "y > on (a) group_right x") == {
        '{__name__="x", a="1", b="1"}': 10,
        '{__name__="x", a="1", b="2"}': 10,
    }


def test_duplicates_on_the_one_side_are_an_error() -> None:
    """Even if nothing matches them; the message names two of them."""
    storage = load('x{a="9"} 1', 'y{a="1",b="1"} 1', 'y{a="1",b="2"} 2')
    said = error_of(storage, "x + on (a) y")
    assert said == (
        'found duplicate series for the match group {a="1"} on the right hand-side of the operation: '
        '[{__name__="y", a="1", b="1"}, {__name__="y", a="1", b="2"}];'
        "many-to-many matching not allowed: matching labels must be unique on one side"
    )
    assert "left hand-side" in error_of(storage, "y + on (a) group_right x")
    assert ask(storage, "none + on (a) y") == {}


def test_duplicates_on_the_many_side_need_group_left() -> None:
    """An error only if they are matched; and before a comparison filters, since 3.9."""
    assert "many-to-one matching must be explicit" in error_of(MANY, "x + on (a) y")
    assert "many-to-one matching must be explicit" in error_of(MANY, "x > on (a) y")
    assert ask(load('x{a="1",b="1"} 1', 'x{a="1",b="2"} 2', 'y{a="2"} 1'), "x + on (a) y") == {}


def test_pairs_are_found_step_by_step() -> None:
    """Partners may take turns."""
    storage = load('x{a="1"} 1 1', 'y{a="1",b="1"} 10 stale', 'y{a="1",b="2"} _ 20')
    assert over(storage, "x + on (a) y", 0, 10, 10) == {'{a="1"}': {0: 11, 10: 21}}
    assert over(storage, "x + on (a) group_left (b) y", 0, 10, 10) == {
        '{a="1", b="1"}': {0: 11},
        '{a="1", b="2"}': {10: 21},
    }


def test_set_operators() -> None:
    """By the labels without the name, or those of `on` and `ignoring`; step by step."""
    assert ask(PAIR, "x and y") == {'{__name__="x", a="1"}': 1}
    assert ask(PAIR, "x unless y") == {'{__name__="x", a="2"}': 2}
    assert list(ask(PAIR, "x or y").values()) == [1, 2, 30]
    assert list(ask(PAIR, "x or on () y").values()) == [1, 2]
    assert list(ask(PAIR, "none or y").values()) == [10, 30]
    assert ask(PAIR, "x and none") == {}
    assert over(load("x 1 1", "y _ 1"), "x unless on () y", 0, 10, 10) == {'{__name__="x"}': {0: 1}}


def test_or_joins_series_that_take_turns() -> None:
    """From both sides, with the same labels."""
    storage = load("x 1 5")
    assert over(storage, "x > 3 or x * 0 + 7 or x < 3", 0, 10, 10) == {
        '{__name__="x"}': {10: 5},
        "{}": {0: 7},
    }


def test_label_replace() -> None:
    """Where the whole value matches; groups by number or name, `$$` is a dollar, unknown groups are empty."""
    storage = load('x{a="one-two"} 1')

    def replaced(template: str, pattern: str) -> str:
        (labels,) = ask(storage, f'label_replace(x, "b", "{template}", "a", "{pattern}")')
        return labels.partition('b="')[2].rstrip('"}')

    assert replaced("$2-$1", "(.*)-(.*)") == "two-one"
    assert replaced("${1}x", "(.*)-(.*)") == "onex"
    assert replaced("$1x", "(.*)-(.*)") == ""
    assert replaced("$first", "(?P<first>.*)-.*") == "one"
    assert replaced("$$1", ".*") == "$1"
    assert replaced("$7", ".*") == ""
    assert replaced("new", "one") == ""
    assert error_of(storage, 'label_replace(x, "", "", "a", "")').startswith("invalid destination label name")
    assert error_of(storage, 'label_replace(x, "b", "", "a", "(")').startswith("invalid regular expression")


def test_label_join() -> None:
    """Absent labels are empty; an empty result removes the label."""
    storage = load('x{a="1",b="2"} 1')
    assert ask(storage, 'label_join(x, "c", "-", "a", "none", "b")') == {'{__name__="x", a="1", b="2", c="1--2"}': 1}
    assert ask(storage, 'label_join(x, "a", "")') == {'{__name__="x", b="2"}': 1}


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("absent(none)", "{}"),
        ('absent(none{a="1",b!="2",c=~"3"})', '{a="1"}'),
        ('absent(none{a="1",a="2",b="3"})', '{b="3"}'),
        ('absent(none{a="1",a!="2"})', "{}"),
        ('absent(none{a!="2",a="1"})', '{a="1"}'),
        ('absent((none{a="1"}))', '{a="1"}'),
        ('absent(sum(none{a="1"}))', "{}"),
        ('absent_over_time(none{a="1"}[5m])', '{a="1"}'),
        ('absent_over_time(sum(none{a="1"})[5m:1m])', "{}"),
    ],
)
def test_labels_of_absent(expression: str, labels: str) -> None:
    """Of equalities only, none that is named twice."""
    assert ask(PAIR, expression) == {labels: 1}


def test_absent_is_there_where_nothing_is() -> None:
    """Step by step."""
    storage = load("x _ 1 stale")
    assert over(storage, "absent(x)", 0, 20, 10) == {"{}": {0: 1, 20: 1}}
    assert over(storage, "absent_over_time(x[20s])", 0, 40, 10) == {"{}": {0: 1, 30: 1, 40: 1}}
    assert ask(storage, "absent(x)", 10) == {}


def test_groups() -> None:
    """`by` keeps labels, `without` drops them and the name; labels that are nowhere are none."""
    storage = load('x{a="1",b="1"} 1', 'x{a="1",b="2"} 2', 'x{a="2"} 4')
    assert ask(storage, "sum by (a) (x)") == {'{a="1"}': 3, '{a="2"}': 4}
    assert ask(storage, "sum without (a) (x)") == {'{b="1"}': 1, '{b="2"}': 2, "{}": 4}
    assert ask(storage, "sum by (b, none) (x)") == {'{b="1"}': 1, '{b="2"}': 2, "{}": 4}
    assert ask(storage, "count(x)") == {"{}": 3}
    assert ask(storage, "group by (a) (x)") == {'{a="1"}': 1, '{a="2"}': 1}
    assert ask(storage, "sum(none)") == {}
    assert value(storage, "min(x) + max(x)") == 5


def test_groups_have_values_where_a_member_has() -> None:
    """An absent member is none, not 0."""
    storage = load('x{a="1"} 1 stale', 'x{a="2"} 2 3', 'x{a="3"} 4 stale')
    assert over(storage, "count(x)", 0, 10, 10) == {"{}": {0: 3, 10: 1}}
    for operator, meant in (("sum", 3), ("avg", 3), ("min", 3), ("max", 3), ("stddev", 0), ("group", 1)):
        assert over(storage, f"{operator}(x)", 0, 10, 10)["{}"][10] == meant, operator
    assert over(storage, "sum(x{a!='2'})", 0, 10, 10) == {"{}": {0: 5}}


def test_warnings_of_the_storage_reach_the_result() -> None:
    """And come once."""
    from fog_aggregator.promql import Selection

    class Partial:
        """A storage that knows that it does not have all."""

        def select(self, matchers: object, start: int, end: int) -> Selection:
            """Warn."""
            found = PAIR.select(matchers, start, end)  # type: ignore[arg-type]
            return Selection(found.parts, ("3 of 4 nodes are in this",))

    assert instant_query("x + x", Partial(), 0).warnings == ("3 of 4 nodes are in this",)
