"""The number of alerts that fire is a zero where rules are evaluated, and missing where nobody would raise any."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from fog_cli.main import run
from tests.deployments.dashboards import queries

WATCHDOG: Final = 'ALERTS{alertname="FogWatchdog",alertstate="firing",severity="none"}'
DEAD: Final = 'ALERTS{alertname="FogNodesSilent",alertstate="firing",severity="warning"}'
OTHER: Final = 'up{job="fog"}'


@pytest.mark.parametrize(
    ("series", "shown"),
    [([OTHER], None), ([WATCHDOG], 0), ([WATCHDOG, DEAD], 1), ([DEAD], 1)],
    ids=["no rules", "calm", "one", "one of rules of others"],
)
def test_no_number_where_no_rule_is_evaluated(series: list[str], shown: int | None, tmp_path: Path) -> None:
    """A Prometheus without the rules must not say that all is well."""
    (asked,) = (one for one in queries("fleet") if "Alerts that fire" in one.place)
    expected = [] if shown is None else [{"labels": "{}", "value": shown}]
    case = {
        "interval": "1m",
        "input_series": [{"series": one, "values": "1x5"} for one in series],
        "promql_expr_test": [{"expr": asked.expression, "eval_time": "3m", "exp_samples": expected}],
    }
    file = tmp_path / "alerts.test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [case]}))
    assert run(["test", "rules", str(file)], {}) == 0
