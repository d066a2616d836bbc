"""Templates of alerts."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from fog_aggregator.promql.labels import Labels

_FIELD: Final = re.compile(r"\{\{\s*(\$[\w.]+)\s*\}\}")
Vector: TypeAlias = Sequence[tuple[Labels, float]]


class TemplateError(Exception):
    """A template that cannot be read."""


@dataclass(frozen=True, slots=True)
class TemplateData:
    """The facts that a template may use."""

    labels: Labels
    value: float
    query: Callable[[str], Vector]
    external_labels: Labels = ()
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A template; so far with the fields of the labels and the value alone."""

    source: str

    def render(self, data: TemplateData, name: str) -> str:
        """Write it out."""
        values = {f"$labels.{key}": value for key, value in data.labels} | {"$value": f"{data.value:g}"}
        return _FIELD.sub(lambda match: values.get(match[1], f"<{name}: {match[1]}>"), self.source)


def compile_template(source: str) -> Template:
    """Compile a template.

    Raises:
        TemplateError: when it cannot be read.
    """
    return Template(source)
