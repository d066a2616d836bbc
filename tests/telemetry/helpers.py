"""Short ways to look at a collector."""

from utilityfog_frontend.telemetry import MetricsSource
from utilityfog_frontend.telemetry.model import Value

SWITCHES = {"CALL", "CALL_FUNCTION_EX", "CALL_KW", "JUMP_BACKWARD", "RESUME", "SEND", "YIELD_VALUE"}
"""Instructions at which CPython may change threads, or run a handler of a signal."""


def values(source: MetricsSource, name: str) -> dict[tuple[str, ...], Value]:
    """Return the values of a family by the values of its labels."""
    [snapshot] = [one for one in source.collect() if one.family.name == name]
    return {tuple(value for _, value in series.labels): series.value for series in snapshot.series}


def value(source: MetricsSource, name: str) -> Value:
    """Return the value of an unlabelled metric."""
    return values(source, name)[()]


def problems(source: MetricsSource) -> dict[str, Value]:
    """Problems by reason, those that occurred."""
    return {reason: count for (reason,), count in values(source, "telemetry_problems_total").items() if count}
