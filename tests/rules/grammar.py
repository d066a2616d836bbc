"""Random rule files with series for them, made from a seed: for the comparison with promtool."""

from __future__ import annotations

import random
from typing import Any, Final

STEPS: Final = 40
"""Samples of a series, a minute apart."""

_NAMES: Final = ("load", "jobs_total", "flips")
_FIXED: Final = "{}"


class Grammar:
    """Makes rules and series. Values are multiples of 1/4, so that sums are exact in whatever order they are added."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._recorded: list[str] = []

    def _pick(self, *choices: str) -> str:
        return self._chance.choice(choices)

    def test(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Make a rule file and a file of tests that expects that no alert ever fires."""
        groups = [self._group(number) for number in range(self._chance.randrange(1, 4))]
        alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
        times = sorted(self._chance.sample(range(STEPS), 4))
        test = {
            "name": "random",
            "interval": "1m",
            "input_series": [self._series(name, zone, node) for name in _NAMES for zone in "xy" for node in "12"],
            "external_labels": {"site": "here"},
            "external_url": "http://fog.example",
            "alert_rule_test": [
                {"eval_time": f"{time}m{self._pick('', '30s')}", "alertname": name} for time in times for name in alerts
            ],
            "promql_expr_test": [
                {"expr": expression, "eval_time": f"{time}m"}
                for time in times
                for expression in ("ALERTS", "ALERTS_FOR_STATE", *self._recorded)
            ],
        }
        order = [group["name"] for group in groups]
        interval = self._pick("1m", "1m", "2m", "30s", "90s")
        file = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": interval,
            "group_eval_order": order,
            "tests": [test],
        }
        return {"groups": groups}, file

    def _series(self, name: str, zone: str, node: str) -> dict[str, str]:
        values = {"load": self._gauge, "jobs_total": self._counter, "flips": self._flips}[name]()
        return {"series": f'{name}{{zone="{zone}", node="{node}"}}', "values": values}

    def _gauge(self) -> str:
        """Walk up and down, with gaps, ends and repeats."""
        parts: list[str] = []
        while len(parts) < STEPS // 3:
            start, step = self._chance.randrange(-20, 40) / 4, self._chance.randrange(-8, 9) / 4
            parts.append(
                self._pick(
                    f"{start}", f"{start}{step:+}x{self._chance.randrange(1, 5)}", f"{start}x2", "_", "_x3", "stale"
                )
            )
        return " ".join(parts)

    def _counter(self) -> str:
        """Count far from zero, and start again now and then: where extrapolation meets zero the versions differ."""
        return " ".join(
            f"{self._chance.randrange(800, 1600)}+{self._chance.randrange(9)}x{self._chance.randrange(4, 15)}"
            for _ in range(4)
        )

    def _flips(self) -> str:
        return " ".join(self._pick("0", "1", "1", "0x3", "1x2", "_") for _ in range(STEPS))

    def _group(self, number: int) -> dict[str, Any]:
        rules = [self._rule(f"{number}_{place}") for place in range(self._chance.randrange(1, 5))]
        return {"name": f"group {number}", "rules": rules}

    def _rule(self, name: str) -> dict[str, Any]:
        if self._chance.random() < 0.3:
            rule: dict[str, Any] = {"record": f"recorded:{name}", "expr": self._vector(2)}
            if self._chance.random() < 0.4:
                rule["labels"] = {"made": self._pick("here", ""), "zone": self._pick("x", "all")}
            self._recorded.append(rule["record"])
            return rule
        rule = {"alert": f"A{name}", "expr": self._condition(2)}
        if self._chance.random() < 0.7:
            rule["for"] = self._pick("0m", "1m", "2m", "150s", "5m")
        if self._chance.random() < 0.4:
            rule["keep_firing_for"] = self._pick("1m", "3m", "10m")
        if self._chance.random() < 0.6:
            rule["labels"] = {
                "severity": self._pick(
                    "page", "in {{ $labels.zone }}", "{{ if $labels.node }}node{{ else }}all{{ end }}"
                )
            }
        rule["annotations"] = {"text": self._template(), "more": self._template()}
        return rule

    def _condition(self, depth: int) -> str:
        """Draw an expression of the shape that alerts have: a comparison, or a set of them."""
        kind = self._chance.random()
        if depth and kind < 0.15:
            return f"{self._condition(depth - 1)} {self._pick('and', 'or', 'unless')} {self._condition(depth - 1)}"
        if kind < 0.2:
            return f"absent({self._selector()})"
        return f"{self._vector(depth)} {self._pick('>', '<', '>=', '==', '!=')} {self._chance.randrange(-4, 30) / 4}"

    def _vector(self, depth: int) -> str:
        if depth == 0:
            return self._selector()
        inner = self._vector(depth - 1)
        return self._pick(
            self._selector(),
            f"sum by (zone) ({inner})",
            f"max without (node) ({inner})",
            f"count({inner})",
            f"min by (node) ({inner})",
            f"({inner}) * 2",
            f"abs({inner})",
            f"clamp_min({inner}, 1)",
            f"round(increase(jobs_total[{self._pick('2m', '5m')}]), 0.5)",
            f"changes(flips[{self._pick('3m', '10m')}])",
            f"max_over_time(load[{self._pick('2m', '5m')}])",
            f"count_over_time(load[{self._pick('2m', '5m')}])",
            f"min_over_time(({inner})[5m:{self._pick('', '1m')}])",
            f"load - on (zone, node) {self._selector()}",
            f"load + on (node) group_left () sum by (node) ({self._selector()})",
        )

    def _selector(self) -> str:
        names = (*_NAMES, *self._recorded[-2:])
        matchers = self._pick("", "", '{zone="x"}', '{node!="2"}', '{zone=~"x|z"}')
        return self._chance.choice(names) + matchers + self._pick("", "", "", " offset 2m")

    def _template(self) -> str:
        return self._pick(
            "{{ $labels.zone }} has {{ $value }}",
            "{{ $value | humanize }} of {{ $labels }}",
            '{{ printf "%.2f" $value }} at {{ $labels.node }}/{{ $externalLabels.site }}',
            "{{ if gt $value 3.0 }}high{{ else }}low{{ end }}{{ $labels.gone }}",
            '{{ with query "sum(load)" }}{{ . | first | value | humanize }}{{ end }}',
            '{{ query "nothing" | first | value }}',
            "{{ $value | humanizeDuration }} {{ $value | humanizePercentage }}",
            "plain text",
            "{{ $value | humanize1024 }}{{ .Foo }}",
        )
