"""Label sets: from what users pass to the sorted tuple, and to Prometheus text."""

from collections.abc import Mapping

from .model import Labels


def sorted_labels(labels: Mapping[str, str]) -> Labels:
    """The one tuple that stands for this set of labels."""
    return tuple(sorted(labels.items()))


def label_value(value: object) -> str:
    """What a user passes, as a label value: of a string the string, an enumeration's too; of anything else `str()`."""
    return str.__str__(value) if isinstance(value, str) else str(value)


def escape_label_value(value: str) -> str:
    """A label value as it stands between double quotes in any Prometheus text format."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def render_labels(labels: Labels) -> str:
    """Labels as Prometheus text writes them, `a="1",b="2"`, without the braces; empty when there are none."""
    return ",".join(f'{name}="{escape_label_value(value)}"' for name, value in labels)
