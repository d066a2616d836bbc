"""Label sets: from what users pass to the sorted tuple, and to Prometheus text."""

from collections.abc import Mapping

from .model import Labels


def sorted_labels(labels: Mapping[str, str]) -> Labels:
    """Return the one tuple that stands for this set of labels."""
    return tuple(sorted(labels.items()))


def label_value(value: object) -> str:
    """Return a user's value as a label value: a string as it is, an enumeration's too; anything else as `str()`."""
    return str.__str__(value) if isinstance(value, str) else str(value)


def escape_label_value(value: str) -> str:
    """Return a label value as it stands between double quotes in any Prometheus text format."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def render_labels(labels: Labels) -> str:
    """Write labels as Prometheus text does, `a="1",b="2"`, without the braces; nothing without labels."""
    return ",".join(f'{name}="{escape_label_value(value)}"' for name, value in labels)
