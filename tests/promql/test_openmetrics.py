"""Files of samples: OpenMetrics with timestamps, of families of any type."""

from __future__ import annotations

import math

import pytest

from fog_aggregator.promql import OpenMetricsError, read_openmetrics
from tests.promql.asking import ask, samples, value


def test_a_file() -> None:
    """Comments, types, units, exemplars, escapes, milliseconds, any order, and a stale marker."""
    storage = read_openmetrics(
        "# TYPE x counter\n# HELP x what it is\n# UNIT y seconds\n"
        'x_total{a="1"} 2 10.25\n'
        'x_total{a="1"} 1 0\n'
        'x_total{ a = "2" , } 5 0 # {trace_id="a b"} 0.67 1.5\n'
        "# TYPE free unknown\n"
        'free{q="a\\"b\\\\c\\nd}"} +Inf 1e1\n'
        "free stale 20\n"
        '{"dotted.name", "k v"="w"} -1.5e3 0.001\n'
        "# EOF\n"
    )
    assert samples(storage, 'x_total{a="1"}[1m]', 20) == {'{__name__="x_total", a="1"}': [(0, 1), (10.25, 2)]}
    assert value(storage, 'x_total{a="2"}', 0) == 5
    assert ask(storage, "free", 10) == {'{__name__="free", q="a\\"b\\\\c\\nd}"}': math.inf}
    assert ask(storage, 'free{q=""}', 20) == {}
    assert value(storage, '{"dotted.name"}', 0.001) == -1500
    assert storage.newest == 20_000


@pytest.mark.parametrize("text", ["", "# EOF", "# EOF\n", "\n\n", "# TYPE x counter"])
def test_files_without_samples(text: str) -> None:
    """They have no newest one."""
    assert read_openmetrics(text).newest is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x 1", "line 1: the sample has no timestamp"),
        ('x 1 # {a="1"} 2', "line 1: the sample has no timestamp"),
        ("x one 1", "line 1: the value one is not a number, and not `stale`"),
        ("x 1_0 1", "line 1: the value 1_0 is not a number"),
        ("x 1 one", "line 1: the timestamp one is not a number of seconds"),
        ("x 1 NaN", "line 1: the timestamp NaN is not a number of seconds"),
        ("x 1 1e300", "line 1: the timestamp 1e300 is not a number of seconds"),
        ("x{a=1} 1 1", "line 1: "),
        ('x{a="1"b="2"} 1 1', "line 1: the labels"),
        ('x{a="1",a="2"} 1 1', "line 1: the label a is given twice"),
        ('{a="1"} 1 1', "line 1: the sample has no name"),
        ("1x 1 1", "line 1: '1x 1 1' is no sample"),
        ("x 1 1\nx 1 2\nx 2 1", "line 3: a second sample of the same series at 1.0"),
        ("# EOF\nx 1 1", "line 2: nothing may follow # EOF"),
    ],
)
def test_lines_that_cannot_be_read(line: str, said: str) -> None:
    """The error has the number of the line, and what is wrong."""
    with pytest.raises(OpenMetricsError) as caught:
        read_openmetrics(line)
    assert str(caught.value).startswith(said)
