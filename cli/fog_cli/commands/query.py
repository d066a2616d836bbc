"""Evaluates a PromQL expression: asks an aggregator or any Prometheus, or reads a file of samples.

  fog query 'sum(rate(orders_total[5m]))'
  fog query 'topk(3, sum by (fog_path) (rate(orders_total{fog_level="1"}[5m])))'
  fog query --start 2026-11-26T06:00:00Z --end 2026-11-26T07:00:00Z --step 1m -- 'orders_total{fog_path="fog/0"}'
  fog query --url http://127.0.0.1:9090 'up'
  fog query --openmetrics samples.txt --time 60 --json -- '-x'

Without --url the aggregator is asked, http://127.0.0.1:10364 or what --api names.

Times are seconds since 1970 or RFC 3339; without any the moment is now, or that of the newest sample of the file. A
file has OpenMetrics samples, each with its timestamp; the value `stale` is a stale marker. An expression that begins
with a minus sign comes after `--`.

Exit codes: 0 with an answer, 1 when the evaluation failed or nobody answers, 2 when the expression, a time or the file
cannot be read. With --json both answers and errors are on standard output, as in the Prometheus HTTP API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILE, TEXT, URL
from fog_cli.api import ApiSettings
from fog_cli.config import REQUIRED, group
from fog_cli.later import later


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog query`."""

    expression: str = option(REQUIRED, "the expression", TEXT, positional=True)
    time: str = option("", "the moment to evaluate at", TEXT)
    start: str = option("", "the first moment of a range", TEXT)
    end: str = option("", "the last moment of a range", TEXT)
    step: str = option("", "the distance of moments in a range: seconds, or as in 1m30s", TEXT)
    url: str = option("", "any server of the Prometheus HTTP API, in place of the aggregator", URL)
    openmetrics: str = option("", "evaluate here, on the samples of this file (- for standard input)", FILE)
    json: bool = switch("print the API's data")
    api: ApiSettings = group(ApiSettings)


run: Final = later("fog_cli.actions.query:query")
"""0 with an answer."""
