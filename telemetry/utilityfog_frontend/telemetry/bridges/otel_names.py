"""Names, units and labels as the OpenTelemetry-Prometheus compatibility specification makes them. Pure.

The specification lets names be any UTF-8, where the other side takes it; here it does not, so every character that the
text format of Prometheus refuses becomes `_`.
"""

import re
from collections.abc import Mapping
from typing import Final

from utilityfog_frontend.telemetry.labels import label_value, sorted_labels
from utilityfog_frontend.telemetry.model import Labels, MetricType

_UNITS: Final = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tebibytes",
    "KBy": "kilobytes",
    "kBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "%": "percent",
}
"""Units of UCUM, and how Prometheus writes them."""

_PER: Final = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month"}
_PER_YEAR: Final = {"y": "year"}

_NOT_IN_NAMES: Final = re.compile(r"[^a-zA-Z0-9_:]+")
_NOT_IN_LABELS: Final = re.compile(r"[^a-zA-Z0-9_]+")
_UNDERSCORES: Final = re.compile(r"__+")
_ANNOTATION: Final = re.compile(r"\{[^}]*\}")


def unit_of(unit: str, kind: MetricType) -> str:
    """Write a unit of UCUM as Prometheus does: `By/s` is `bytes_per_second`; annotations (`{request}`) are none.

    The unit `1` is a `ratio` in a gauge, and none elsewhere.
    """
    plain = _ANNOTATION.sub("", unit).strip()
    if plain == "1":
        return "" if kind.incremental else "ratio"
    amount, _, per = plain.partition("/")
    words = [_UNITS.get(amount, amount)] if amount and amount != "1" else []
    if per:
        words += ["per", (_PER | _PER_YEAR).get(per, per)]
    return _tidy(_NOT_IN_NAMES.sub("_", "_".join(words))).strip("_")


def family_name(name: str, unit: str, kind: MetricType) -> str:
    """Name a family: characters that are not allowed are replaced, its unit and a counter's `_total` come last."""
    base = kind.base_name(_tidy(_NOT_IN_NAMES.sub("_", name))).rstrip("_") or "_"
    if base[0].isdigit():
        base = "_" + base
    if unit and not base.endswith("_" + unit):
        base = f"{base}_{unit}"
    return base + kind.number_suffix


def labels_of(attributes: Mapping[str, object]) -> Labels:
    """Make labels of attributes; the values of keys that become one are joined by `;`, in the order of their keys."""
    joined: dict[str, str] = {}
    for key in sorted(attributes):
        name, text = label_name(key), _text(attributes[key])
        joined[name] = f"{joined[name]};{text}" if name in joined else text
    return sorted_labels(joined)


def label_name(key: str) -> str:
    """Name the label of an attribute's key. No name begins with `__`, which is reserved, and none is `le`."""
    name = _tidy(_NOT_IN_LABELS.sub("_", key)) or "_"
    if name[0].isdigit():
        name = "key_" + name
    return "exported_le" if name == "le" else name


def _tidy(name: str) -> str:
    return _UNDERSCORES.sub("_", name)


def _text(value: object) -> str:
    """Write an attribute's value: a string as it is, a truth value in lower case, a sequence as JSON would."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return "[" + ",".join(f'"{one}"' if isinstance(one, str) else _text(one) for one in value) + "]"
    return label_value(value)
