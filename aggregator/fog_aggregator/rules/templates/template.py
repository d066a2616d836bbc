"""A template, compiled: what a rule file has, and what an evaluation renders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.templates.execute import Execution, ExecutionError
from fog_aggregator.rules.templates.functions import FUNCTIONS
from fog_aggregator.rules.templates.parser import parse_template
from fog_aggregator.rules.templates.tree import Node, Outside
from fog_aggregator.rules.templates.values import DATA, Struct

Vector: TypeAlias = Sequence[tuple[Labels, float]]
"""Series with one value each."""

_VARIABLES: Final = ("$", "$labels", "$externalLabels", "$externalURL", "$value")


@dataclass(frozen=True, slots=True)
class TemplateData:
    """The facts that a template may use.

    Attributes:
        labels: The labels of the series, its name among them.
        value: Its value.
        query: Evaluates an expression; raises QueryError.
        external_labels, external_url: Of this process.
    """

    labels: Labels
    value: float
    query: Callable[[str], Vector]
    external_labels: Labels = ()
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read.

    Attributes:
        source: The text that was read.
        name: Its name in errors.
        nodes: The tree.
    """

    source: str
    name: str
    nodes: tuple[Node, ...] = field(repr=False, compare=False, default=())

    @property
    def is_plain(self) -> bool:
        """Whether it is text alone."""
        return all(isinstance(node, Outside) for node in self.nodes)

    def render(self, data: TemplateData) -> str:
        """Write the template out; a failure becomes a text that says so, as in Prometheus."""
        if self.is_plain:
            return "".join(node.text for node in self.nodes if isinstance(node, Outside))
        labels, external = dict(data.labels), dict(data.external_labels)
        fields = {
            "Labels": labels,
            "ExternalLabels": external,
            "ExternalURL": data.external_url,
            "Value": data.value,
        }
        variables = dict(zip(_VARIABLES[1:], fields.values(), strict=True))
        try:
            return Execution(self.source, self.name, Struct(DATA, fields), variables, data.query).run(self.nodes)
        except ExecutionError as error:
            return f"<error expanding template: error executing template {self.name}: {error}>"


def compile_template(source: str, alert: str) -> Template:
    """Compile a template of an alert.

    Raises:
        TemplateError: when it cannot be read, or calls a function that is not supported.
    """
    name = f"__alert_{alert}"
    return Template(source, name, parse_template(source, name, _VARIABLES, FUNCTIONS))
