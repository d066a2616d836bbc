"""Random series and random expressions, made from a seed.

Values of raw series are multiples of 1/8 below a million: their sums are exact in whatever order they are added.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.promql.storage import STALE, Floats, Ints

START: Final = 1_000_000_000_000
"""Milliseconds; the data begins here."""

LENGTH: Final = 2_400_000
INTERVAL: Final = 10_000
BOUNDS: Final = ("0.5", "1", "2.5", "10", "+Inf")
_NAMES: Final = ("jobs_total", "load", "sparse", "sizes")


def random_series(seed: int) -> dict[Labels, tuple[Ints, Floats]]:
    """Make counters with resets, gauges, gauges with gaps and stale markers, and histograms."""
    chance = random.Random(seed)
    series: dict[Labels, tuple[Ints, Floats]] = {}
    for zone in ("x", "y", "z"):
        for node in ("1", "2"):
            labels = {"zone": zone, "node": node}
            series[make_labels({"__name__": "jobs_total", **labels})] = _counter(chance)
            series[make_labels({"__name__": "load", **labels})] = _gauge(chance)
            series[make_labels({"__name__": "sizes", **labels})] = _gauge(chance, low=1)
            if chance.random() < 0.8:
                series[make_labels({"__name__": "sparse", **labels})] = _with_gaps(chance, *_gauge(chance))
        series |= _histogram(chance, {"__name__": "wait_bucket", "zone": zone})
    return series


def _times(chance: random.Random) -> Ints:
    """On the grid, or shifted, or with jitter."""
    times = START + np.arange(0, LENGTH, INTERVAL, dtype=np.int64)
    kind = chance.randrange(3)
    if kind == 1:
        return times + chance.randrange(1, INTERVAL)
    if kind == 2:
        jitter = [chance.randrange(-3000, 3000) for _ in range(times.size)]
        return times + 3000 + np.array(jitter, np.int64)
    return times


def _counter(chance: random.Random) -> tuple[Ints, Floats]:
    """Far from zero, and each reset goes to 70 %: where extrapolation meets zero the versions differ."""
    times = _times(chance)
    value, values = 800_000.0 + chance.randrange(1000), []
    for _ in range(times.size):
        value += chance.randrange(80) / 8 if chance.random() < 0.9 else 0
        if chance.random() < 0.02:
            value = float(int(value * 0.7))
        values.append(value)
    return times, np.array(values)


def _gauge(chance: random.Random, low: int = -4000) -> tuple[Ints, Floats]:
    times = _times(chance)
    return times, np.array([chance.randrange(low, 8000) / 8 for _ in range(times.size)])


def _with_gaps(chance: random.Random, times: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Take out stretches; some end in a stale marker. A few values are NaN or infinite."""
    kept = np.ones(times.size, np.bool_)
    for _ in range(chance.randrange(1, 4)):
        begin, length = chance.randrange(times.size), chance.randrange(1, 60)
        kept[begin + 1 : begin + length] = False
        if chance.random() < 0.7:
            values[begin] = STALE
    for special in (np.nan, np.inf, -np.inf):
        if chance.random() < 0.3:
            values[chance.randrange(times.size)] = special
    return times[kept], values[kept]


def _histogram(chance: random.Random, labels: Mapping[str, str]) -> dict[Labels, tuple[Ints, Floats]]:
    times = START + np.arange(0, LENGTH, INTERVAL, dtype=np.int64)
    counts = np.array([[chance.randrange(5) for _ in BOUNDS] for _ in range(times.size)], np.float64)
    cumulative = np.cumsum(np.cumsum(counts, axis=0), axis=1) + 1000
    return {make_labels({**labels, "le": bound}): (times, cumulative[:, place]) for place, bound in enumerate(BOUNDS)}


class Grammar:
    """Makes expressions of PromQL that both versions evaluate alike, but for the differences that are listed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def expression(self) -> str:
        """Draw an instant vector or, now and then, a scalar."""
        return self._scalar(3) if self._chance.random() < 0.05 else self._vector(3)

    def _pick(self, *choices: str) -> str:
        return self._chance.choice(choices)

    def _vector(self, depth: int) -> str:
        if depth == 0:
            return self._selector()
        makers: list[tuple[int, Callable[[int], str]]] = [
            (2, lambda _: self._selector()),
            (6, self._over_window),
            (5, self._aggregation),
            (4, self._binary),
            (2, self._function),
            (1, self._set_operation),
            (1, self._histogram_quantile),
            (1, lambda left: f"({self._vector(left)})"),
        ]
        maker = self._chance.choices([made for _, made in makers], [weight for weight, _ in makers])[0]
        return maker(depth - 1)

    def _matchers(self) -> str:
        return self._pick(
            "",
            "",
            "",
            '{zone="x"}',
            '{zone!="x"}',
            '{zone=~"x|y"}',
            '{node!~"2.*"}',
            '{zone="x",node="1"}',
            '{none=""}',
        )

    def _modifiers(self) -> str:
        offset = self._pick("", "", "", "", " offset 1m", " offset -30s", " offset 7m")
        at = self._pick("", "", "", "", "", f" @ {START // 1000 + 1200}", " @ start()", " @ end()")
        return offset + at

    def _past(self) -> str:
        """Where a subquery that begins when the query does has an offset, Prometheus shifts each `@` in it."""
        return self._pick("", "", "", " offset 1m", " offset 7m", " @ end()")

    def _selector(self) -> str:
        return self._chance.choice(_NAMES) + self._matchers() + self._modifiers()

    def _reach(self) -> str:
        return self._pick("30s", "1m", "97s", "5m", "20m")

    def _window(self, depth: int) -> str:
        reach = self._reach()
        if depth > 0 and self._chance.random() < 0.2:
            return f"({self._vector(depth - 1)})[{reach}:{self._pick('', '20s', '45s')}]{self._past()}"
        return f"{self._chance.choice(_NAMES)}{self._matchers()}[{reach}]{self._modifiers()}"

    def _over_window(self, depth: int) -> str:
        function = self._pick(
            "rate", "rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv", "avg_over_time",
            "sum_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time", "present_over_time",
            "stddev_over_time", "stdvar_over_time", "quantile_over_time", "predict_linear", "absent_over_time",
        )  # fmt: skip
        if function in {"rate", "increase"}:
            return f"{function}(jobs_total{self._matchers()}[{self._reach()}]{self._modifiers()})"
        rounded = function in {"delta", "idelta", "irate", "deriv", "stddev_over_time", "stdvar_over_time"}
        window = self._window(0 if rounded else depth)
        if function == "quantile_over_time":
            return f"{function}({self._pick('0.5', '0', '1', '0.93', '-1')}, {window})"
        if function == "predict_linear":
            window = f"{self._chance.choice(_NAMES)}{self._matchers()}[{self._reach()}]"
            return f"{function}({window}, {self._pick('60', '3600', '-10')})"
        return f"{function}({window})"

    def _grouping(self) -> str:
        return self._pick("", " by (zone)", " by (node, zone)", " without (node)", " by ()", " by (none)")

    def _aggregation(self, depth: int) -> str:
        operator = self._pick(
            "sum", "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile", "topk", "bottomk",
            "count_values",
        )  # fmt: skip
        inner = self._vector(depth)
        if operator == "quantile":
            inner = f"{self._pick('0.5', '0.9', '1', '2')}, {inner}"
        if operator in {"topk", "bottomk"}:
            inner = f"{self._pick('1', '2', '3')}, {inner}"
        if operator == "count_values":
            return f'count_values{self._grouping()}("v", {self._selector()})'
        return f"{operator}{self._grouping()}({inner})"

    def _binary(self, depth: int) -> str:
        operator = self._pick("+", "-", "*", "/", "==", "!=", ">", "<", ">=", "<=", "> bool", "== bool", "<= bool")
        kind = self._chance.randrange(6)
        if kind == 5:
            exact = self._pick("% 7", "% -2.5", "^ 2", "^ 0.5", "^ -1", f"% {self._selector()}")
            return f"({self._selector()} {exact})"
        if kind == 0:
            return f"({self._vector(depth)} {operator} {self._number()})"
        if kind == 1:
            return f"({self._number()} {operator} {self._vector(depth)})"
        if kind == 2:
            return f"({self._vector(depth)} {operator} {self._vector(depth)})"
        if kind == 3:
            many = self._pick("on (zone) group_left", "on (zone) group_left (node)", "ignoring (node) group_left")
            return f"({self._vector(depth)} {operator} {many} sum by (zone) ({self._vector(depth)}))"
        matching = self._pick("on (zone, node)", "ignoring (none)", "ignoring (node)", "on (zone)")
        return f"({self._vector(depth)} {operator} {matching} {self._vector(depth)})"

    def _set_operation(self, depth: int) -> str:
        matching = self._pick("", " on (zone)", " ignoring (node)", " on ()")
        return f"({self._vector(depth)} {self._pick('and', 'or', 'unless')}{matching} {self._vector(depth)})"

    def _function(self, depth: int) -> str:
        inner = self._vector(depth)
        simple = self._pick(
            "abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sgn", "sin", "tanh", "atan", "deg", "rad",
            "timestamp", "absent", "sort", "sort_desc", "minute", "day_of_week", "month", "days_in_month", "-", "round",
            "clamp", "clamp_min", "label_replace", "label_join", "vector",
        )  # fmt: skip
        arguments = {
            "clamp": ", -10, 100",
            "clamp_min": f", {self._number()}",
            "round": self._pick("", ", 5", ", 0.25"),
            "label_replace": self._pick(r', "new", "${1}-$2", "zone", "(.)(.*)"', ', "node", "", "node", ".*"'),
            "label_join": ', "both", "/", "zone", "node"',
        }
        if simple in {"minute", "day_of_week", "month", "days_in_month"}:
            inner = f"{self._pick('jobs_total', 'load', 'sizes')}{self._matchers()} * 1e6"
        if simple in {"sin", "ceil", "floor", "round", "sgn"}:
            inner = self._selector()
        if simple == "timestamp":
            inner = self._chance.choice(_NAMES) + self._matchers() + self._pick("", " offset 1m", " @ end()")
        if simple == "vector":
            return f"vector({self._scalar(1)})"
        return f"{simple}({inner}{arguments.get(simple, '')})"

    def _histogram_quantile(self, _: int) -> str:
        buckets = self._pick("wait_bucket", "rate(wait_bucket[5m])", "sum by (le) (rate(wait_bucket[1m]))")
        return f"histogram_quantile({self._pick('0.5', '0.9', '0.99', '0', '1', '-1')}, {buckets})"

    def _number(self) -> str:
        return self._pick("0", "1", "2", "0.5", "-3", "100", "1e3", "Inf")

    def _scalar(self, depth: int) -> str:
        kind = self._chance.randrange(4)
        if kind == 0 or depth == 0:
            return self._number()
        if kind == 1:
            return self._pick("time()", "pi()")
        if kind == 2:
            return f"scalar({self._vector(depth - 1)})"
        return f"({self._scalar(depth - 1)} {self._pick('+', '-', '*', '/', '^')} {self._scalar(depth - 1)})"
