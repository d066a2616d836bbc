"""A real Prometheus is the judge: random series, random expressions, the same answers.

FOG_PROMQL_CASES says how many expressions are tried of each seed (400), FOG_PROMQL_SEEDS which seeds (2,3):

    FOG_PROMQL_CASES=5000 FOG_PROMQL_SEEDS=11 python -m pytest tests/promql/test_differential.py
"""

from __future__ import annotations

import json
import os
from typing import Final

import pytest

from fog_aggregator.promql import MemoryStorage, data_json, instant_query
from fog_aggregator.promql.labels import make_labels
from fog_aggregator.promql.storage import STALE
from tests.promql.asking import columns
from tests.promql.comparing import answers, difference, is_known
from tests.promql.grammar import LENGTH, START, Grammar, random_series
from tests.promql.prometheus import BINARY, WHY_NOT, Prometheus, running_prometheus
from tests.promql.recorded import TIMES

CASES: Final = int(os.environ.get("FOG_PROMQL_CASES", "400"))
SEEDS: Final = [int(seed) for seed in os.environ.get("FOG_PROMQL_SEEDS", "2,3").split(",")]
MOMENTS: Final = ((START + 600_000,), (START + 1_205_500,), (START + LENGTH,))
"""Of instant queries, in turn."""

RANGE: Final = (START + 300_000, START + LENGTH + 50_000, 37_000)
KNOWN_SHARE: Final = 0.03
"""At most so many of the answers may differ in a known way."""


@pytest.mark.skipif(BINARY is None, reason=WHY_NOT)
@pytest.mark.parametrize("seed", SEEDS)
def test_random_expressions_have_the_same_answers(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """At a moment and over a range, to 1e-12; what differs is known to differ between the versions, and is rare."""
    series = random_series(seed)
    storage, grammar = MemoryStorage(series), Grammar(seed)
    wrong: list[str] = []
    known: list[str] = []
    empty = 0
    with running_prometheus(tmp_path_factory.mktemp("prometheus")) as server:
        server.write(series)
        for case in range(CASES):
            expression = grammar.expression()
            for moments in (MOMENTS[case % len(MOMENTS)], RANGE):
                theirs, ours = answers(server, storage, expression, moments)
                empty += theirs.get("data", {}).get("result") == []
                if said := difference(theirs, ours):
                    (known if is_known(expression, said) else wrong).append(f"{expression}\n  {said}")
    assert not wrong, "\n".join(wrong[:10])
    assert len(known) <= KNOWN_SHARE * 2 * CASES, "\n".join(known[:10])
    assert empty < CASES, "expressions that select nothing prove nothing"


@pytest.mark.parametrize(
    "value",
    [
        0.0, -0.0, 1.0, 1e15, 1e16, 123456789012345680.0, 1e20, 1e21, 1.5e300, 1e-5, 1e-6, 9.99e-7, 1e-7, 0.1,
        5e-324, float("inf"), float("-inf"), float("nan"),
    ],
)  # fmt: skip
def test_numbers_are_written_alike(prometheus: Prometheus, value: float) -> None:
    """In vectors and scalars, character by character."""
    text = {"inf": "Inf", "-inf": "-Inf", "nan": "NaN"}.get(repr(value), repr(value))
    storage = MemoryStorage({})
    for expression in (f"vector({text})", text):
        theirs = prometheus.ask_bytes("query", query=expression, time="1.5").decode()
        assert f'"data":{data_json(instant_query(expression, storage, 1500).data)}}}' in theirs


@pytest.mark.parametrize(("expression", "moment", "data"), TIMES)
def test_recorded_answers_are_the_judges(prometheus: Prometheus, expression: str, moment: str, data: str) -> None:
    """A Prometheus of today writes what was recorded."""
    answer = prometheus.ask_bytes("query", query=expression, time=moment).decode()
    assert f'"data":{data}}}' in answer


ERRORS: Final = (
    "rate(", "sum(x[5m])", "x[0]", "x[5m:0]", "{}", "1 > 2", "foo(x)", '{a="1" or b="2"}', "x{a=~`(`}",
    "topk(NaN, load)", "load + on (zone) load", "load > on (zone) load", "1[5m]", "load[5m:1m][5m:1m]", "-load[5m]",
    'abs({__name__=~"load|sizes"})',
)  # fmt: skip


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_have_the_same_type(prometheus: Prometheus, expression: str) -> None:
    """`bad_data` for what cannot be read, `execution` for what cannot be evaluated."""
    storage = MemoryStorage(random_series(1))
    theirs, ours = answers(prometheus, storage, expression, MOMENTS[0])
    assert (theirs["status"], theirs.get("errorType")) == (ours["status"], ours.get("errorType"))
    assert ours["status"] == "error" or expression == "topk(NaN, load)"


def test_stale_markers_reach_the_judge(prometheus: Prometheus) -> None:
    """Else the comparison would say nothing of them."""
    times = [START + LENGTH - 30_000, START + LENGTH - 20_000, START + LENGTH - 10_000]
    series = {make_labels({"__name__": "ended"}): columns([(times[0], 1.0), (times[1], 2.0), (times[2], STALE)])}
    prometheus.write(series)
    for expression, moment in (("ended", times[1]), ("ended", times[2]), ("count_over_time(ended[1m])", times[2])):
        theirs, ours = answers(prometheus, MemoryStorage(series), expression, (moment,))
        assert difference(theirs, ours) == "", expression
        assert json.dumps(theirs["data"]) == json.dumps(ours["data"])
