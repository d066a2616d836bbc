"""The shipped Grafana dashboards as data: their queries, and what Grafana would make of their variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.deployments.shipped import DEPLOY

FOLDER: Final = DEPLOY / "grafana" / "dashboards"
NAMES: Final = ("fleet", "subtree", "pipeline")
_USE: Final = re.compile(r"\$\{(\w+)(?::[\w:]+)?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")
"""How Grafana finds variables in a text."""
GLOBAL: Final = re.compile(r"__\w+")
"""Names of the variables that Grafana has itself."""


@dataclass(frozen=True)
class Asked:
    """One query of a dashboard.

    Attributes:
        place: The dashboard, and the panel or line that asks.
        expression: As it is written, with variables.
        instant: Whether it is asked for one moment.
    """

    place: str
    expression: str
    instant: bool

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the expression with the values of variables."""
        return fill(self.expression, values)


def load(name: str) -> dict[str, Any]:
    """Return a dashboard."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of variables; one that is not known is an error."""
    return _USE.sub(lambda found: values[found[1] or found[2] or found[3]], text)


def used(text: str) -> set[str]:
    """Collect the names of the variables in a text."""
    return {found[1] or found[2] or found[3] for found in _USE.finditer(text)}


def queries(name: str) -> Iterator[Asked]:
    """List the queries of a dashboard's panels and annotations."""
    dashboard = load(name)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield Asked(f"{name}: {panel['title']} {target['refId']}", target["expr"], target["instant"])
    for line in dashboard["annotations"]["list"]:
        if "expr" in line:
            yield Asked(f"{name}: annotation {line['name']}", line["expr"], instant=False)


def variables(name: str) -> list[dict[str, Any]]:
    """Return the variables of a dashboard, in order."""
    found: list[dict[str, Any]] = load(name)["templating"]["list"]
    return found
