r"""PromQL: a fence around the parser, an evaluator on matrices, and the JSON of the Prometheus HTTP API. Pure.

    storage = read_openmetrics("x_total 1 0\nx_total 2 10\n# EOF\n")
    result = instant_query("rate(x_total[1m])", storage, 10_000)
    print(data_json(result.data))

Times are integer milliseconds. The semantics are those of Prometheus 3, without native histograms and without what is
experimental there. Evaluation takes long on much data: run it in a thread, with `Options.expired` to end it.
"""

from fog_aggregator.promql.errors import (
    BadQueryError,
    CanceledError,
    EvaluationError,
    QueryError,
    QueryTimeoutError,
    UnavailableError,
)
from fog_aggregator.promql.evaluation.context import Limits, Options
from fog_aggregator.promql.json_data import data_json, error_json, response_json
from fog_aggregator.promql.language.parse import parse, prettify
from fog_aggregator.promql.memory import MemoryStorage
from fog_aggregator.promql.openmetrics import OpenMetricsError, read_openmetrics
from fog_aggregator.promql.query import Result, instant_query, range_query
from fog_aggregator.promql.storage import Part, Selection, SeriesStorage, Storage, parts_of_grid

__all__ = [
    "BadQueryError",
    "CanceledError",
    "EvaluationError",
    "Limits",
    "MemoryStorage",
    "OpenMetricsError",
    "Options",
    "Part",
    "QueryError",
    "QueryTimeoutError",
    "Result",
    "Selection",
    "SeriesStorage",
    "Storage",
    "UnavailableError",
    "data_json",
    "error_json",
    "instant_query",
    "parse",
    "parts_of_grid",
    "prettify",
    "range_query",
    "read_openmetrics",
    "response_json",
]
