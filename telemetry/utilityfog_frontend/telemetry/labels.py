"""Label sets: from what users pass to the sorted tuple, and to Prometheus text."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NoReturn

from .model import Labels
from .support.arguments import shown


class OwnLabels(Mapping[str, str]):
    """The labels that one series has, to be read.

    A metric with label names has a method in the same place: a call here is a mistake, and the error says which.
    """

    def __init__(self, name: str, labels: Labels) -> None:
        self._name = name
        self._labels = dict(labels)

    def __getitem__(self, name: str) -> str:
        return self._labels[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def __repr__(self) -> str:
        return repr(self._labels)

    def __call__(self, *values: object, **named: object) -> NoReturn:
        """Refuse to be taken for a metric with label names.

        Raises:
            TypeError: always.
        """
        what = f"labels {self._labels}" if self._labels else "no labels"
        raise TypeError(
            f"metric {self._name!r}: labels({shown(named or values)}) is for a metric that was registered with label "
            f"names, and this has {what}: register it with a sequence of names, or leave labels(…) out"
        )


def sorted_labels(labels: Mapping[str, str]) -> Labels:
    """Return the one tuple that stands for this set of labels."""
    return tuple(map(_shared, sorted(labels.items())))


@lru_cache(1024)
def _shared(pair: tuple[str, str]) -> tuple[str, str]:
    """Return an equal pair that other series have already: a pair takes 72 bytes, and most stand in many series."""
    return pair


def label_value(value: object) -> str:
    """Return a user's value as a label value: a string as it is, an enumeration's too; anything else as `str()`.

    A byte of a file's or an interface's name that is not UTF-8, which Python keeps as half a character, becomes `?`.
    """
    text = str.__str__(value) if isinstance(value, str) else str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def escape_label_value(value: str) -> str:
    """Return a label value as it stands between double quotes in any Prometheus text format."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def render_labels(labels: Labels) -> str:
    """Write labels as Prometheus text does, `a="1",b="2"`, without the braces; nothing without labels."""
    return ",".join(f'{name}="{escape_label_value(value)}"' for name, value in labels)
