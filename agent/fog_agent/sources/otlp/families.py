"""Names, units and labels of what is posted, as the OpenTelemetry-Prometheus compatibility rules make them. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fog_agent.sources.otlp.attributes import decoded
from fog_agent.sources.otlp.points import Kind, RefusedError
from fog_agent.sources.otlp.protobuf import BYTES, fields
from fog_agent.sources.otlp.request import ATTRIBUTES, MetricData
from fog_agent.sources.otlp.streams import Output, Total
from fog_schema import limits
from utilityfog_frontend.telemetry.bridges.otel_names import family_name, label_name, labels_of, unit_of
from utilityfog_frontend.telemetry.labels import sorted_labels
from utilityfog_frontend.telemetry.model import Family, Labels, MetricType
from utilityfog_frontend.telemetry.names import RESERVED, check_family

_TYPES: Final = {
    Kind.GAUGE: MetricType.GAUGE,
    Kind.HISTOGRAM: MetricType.HISTOGRAM,
    Kind.EXPONENTIAL: MetricType.EXPONENTIAL_HISTOGRAM,
}
_ATTRIBUTES: Final = 1
_TEXTS_OF_SCOPE: Final = {1: "name", 2: "version"}
_OF_SCOPE: Final = 3


class Families:
    """The families here, by their names. One thread at a time."""

    def __init__(self) -> None:
        self._outputs: dict[str, Output] = {}
        self._clashes: dict[tuple[str, str], str] = {}

    def all(self) -> Collection[Output]:
        """Return all of them."""
        return self._outputs.values()

    def output(self, data: MetricData, bounds: tuple[float, ...]) -> Output:
        """Return the family that a metric is here; make it when it is new.

        Raises:
            RefusedError: It cannot be one, or is another one already.
        """
        family, origin = _family(data, bounds), data.name.decode()
        known = self._outputs.get(family.name)
        if known is None:
            known = self._outputs[family.name] = Output(family, origin, added=family.rollup == ("sum",))
        if known.family.type is not family.type:
            raise RefusedError(
                "family", f"{origin}: {family.name} is a {known.family.type} here already, and not a {family.type}"
            )
        if known.family.bounds != bounds:
            raise RefusedError("bounds", f"{origin}: {family.name} has other bounds here already")
        if origin != known.origin:
            self._clashes[origin, known.origin] = f"{origin!r} and {known.origin!r} both become {family.name}"
        return known

    def total(self, output: Output, labels: Labels, created: float) -> Total:
        """Return the series with some labels; make it when it is new."""
        total = output.totals.get(labels)
        if total is None:
            total = output.totals[labels] = Total(output.family, labels, created)
        return total

    def clashes(self) -> list[str]:
        """Return what is to be told of names that became one, once."""
        texts, self._clashes = list(self._clashes.values()), {}
        return texts

    def drop_empty(self) -> None:
        """Drop the series that no process tells, and the families without any."""
        for name, output in list(self._outputs.items()):
            for labels in [labels for labels, total in output.totals.items() if not total.streams]:
                del output.totals[labels]
            if not output.totals:
                del self._outputs[name]


def _family(data: MetricData, bounds: tuple[float, ...]) -> Family:
    rising = data.kind is Kind.SUM and data.monotonic
    kind = _TYPES.get(data.kind) or (MetricType.COUNTER if rising else MetricType.GAUGE)
    name, help_text = data.name.decode(), data.description.decode(errors="replace")
    if data.suffix:
        full, unit = family_name(name, unit_of(data.unit.decode(), MetricType.HISTOGRAM), MetricType.GAUGE), ""
        full += data.suffix
    else:
        unit = unit_of(data.unit.decode(), kind)
        full = family_name(name, unit, kind)
    rollup = ("sum",) if data.kind is Kind.SUM and not rising else ()
    family = Family(full, kind, help_text[: limits.MAX_HELP_LENGTH], unit, bounds, rollup)
    if not name or len(full) > limits.MAX_NAME_LENGTH or len(unit) > limits.MAX_UNIT_LENGTH:
        raise RefusedError("name", f"the name {name[:64]!r} or its unit is empty or too long")
    if full.startswith(RESERVED):
        raise RefusedError("name", f"{name}: names that begin with {RESERVED!r} are the fleet's own")
    try:
        check_family(family)
    except ValueError as error:
        raise RefusedError("name", str(error)) from None
    return family


def resource_labels(resource: bytes, promote: Collection[str]) -> Labels:
    """Return the labels that a resource's attributes become: those that are promoted, and no others."""
    attributes = decoded(resource, _ATTRIBUTES)
    return labels_of({key: attributes[key] for key in promote if key in attributes})


def series_labels(data: MetricData, attributes: bytes, resource: Labels, *, scope_labels: bool) -> Labels:
    """Return the labels of a series. A point's own win over its scope's, and those over its resource's.

    Raises:
        RefusedError: Too many, or too long.
    """
    found = dict(resource)
    if scope_labels:
        found |= _scope_labels(data.scope)
    found |= dict(labels_of(decoded(attributes, ATTRIBUTES[data.kind])))
    if len(found) > limits.MAX_LABELS:
        raise RefusedError("labels", f"{data.name.decode()}: {len(found)} attributes; {limits.MAX_LABELS} are taken")
    for name, value in found.items():
        if len(name) > limits.MAX_NAME_LENGTH or len(value) > limits.MAX_LABEL_VALUE_LENGTH:
            raise RefusedError("labels", f"{data.name.decode()}: the attribute {name[:64]} or its value is too long")
    return sorted_labels(found)


def _scope_labels(scope: bytes) -> Labels:
    found = dict(labels_of(decoded(scope, _OF_SCOPE)))
    for number, kind, at, end in fields(scope, 0, len(scope)):
        if kind == BYTES and number in _TEXTS_OF_SCOPE:
            found[_TEXTS_OF_SCOPE[number]] = scope[at:end].decode()
    return tuple((label_name(f"otel_scope_{key}"), text) for key, text in found.items() if text)
