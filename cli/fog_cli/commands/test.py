"""Runs unit tests of Prometheus rule files, in the format of `promtool test rules`, on the aggregator's own evaluation.

  fog test rules tests/*.yml
  fog test rules --run 'disk|memory' tests/alerts.yml

A file of tests names the rule files, the series they see, and the alerts and values that are expected at given times;
docs/rules.md has the format. Exit code 0 when all tests pass, 1 when one fails or a file cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import FILES, TEXT, choice
from fog_cli.config import REQUIRED
from fog_cli.later import later


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog test`."""

    what: str = option(REQUIRED, "what to test", choice("rules"), positional=True)
    files: tuple[str, ...] = option((), "files of unit tests", FILES, positional=True)
    run: str = option("", "only the tests whose names match this regular expression", TEXT)


run: Final = later("fog_cli.actions.rules:test_rules")
"""0 when all tests pass."""
