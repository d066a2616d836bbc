"""JSON has no NaN and no infinities."""

from math import isfinite
from typing import Any

from .samples import render_number


def plain_json(value: Any) -> Any:
    """`value` with each NaN and infinity as the string that Prometheus has for it: "NaN", "+Inf", "-Inf"."""
    if isinstance(value, float):
        return value if isfinite(value) else render_number(value)
    if isinstance(value, dict):
        return {key: plain_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(item) for item in value]
    return value
