"""The kinds of value that jobs tell: which numbers each takes, how it is registered, what a number does to it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from utilityfog_frontend.telemetry.exponential.resolution import EXPONENTIAL

DURATIONS: Final = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
"""Bounds of how long jobs take, in seconds."""
HELP: Final = {
    "job_runs_total": "Runs of a job that have ended, by result: ok, failed or signal",
    "job_duration_seconds": "How long a job ran",
    "job_last_start_timestamp_seconds": "When a job began last, as unix time",
    "job_last_end_timestamp_seconds": "When a job ended last, as unix time",
    "job_last_success_timestamp_seconds": "When a job ended well last, as unix time",
    "job_last_exit_code": "Exit code of a job's last run; 128 + n for signal n",
    "job_cpu_seconds_total": "Processor time of a job, by mode: user or system",
    "job_max_rss_bytes": "The most memory that a process of a job's last run had",
}
"""The metrics of `fog run`."""
_OTHERS: Final = "Told by a job"


class Kind(NamedTuple):
    """One kind of value.

    Attributes:
        word: stands before a line.
        least: the smallest number that it takes.
        latest: it does not go back to an earlier value.
        register: makes a metric in a collector, of a name, a help text and arguments for labels.
        take: what a number does to a series.
    """

    word: str
    least: float
    latest: bool
    register: Callable[[Any, str, str, dict[str, Any]], Any]
    take: Callable[[Any, float], None]


def _counter(collector: Any, name: str, text: str, labels: dict[str, Any]) -> Any:
    return collector.register_counter(name, text, **labels)


def _gauge(collector: Any, name: str, text: str, labels: dict[str, Any]) -> Any:
    return collector.register_gauge(name, text, rollup="max" if name in HELP else (), **labels)


def _histogram(collector: Any, name: str, text: str, labels: dict[str, Any]) -> Any:
    """Nobody says bounds for what a script observes: they are exponential, where a journal does not forbid it."""
    others = EXPONENTIAL if collector.journal is None else None
    return collector.register_histogram(name, text, DURATIONS if name in HELP else others, **labels)


KINDS: Final = {
    kind.word: kind
    for kind in (
        Kind("counter", 0.0, False, _counter, lambda series, value: series.increment(value)),  # noqa: FBT003 - a column
        Kind("gauge", float("-inf"), True, _gauge, lambda series, value: series.set(value)),  # noqa: FBT003 - a column
        Kind("histogram", float("-inf"), False, _histogram, lambda series, value: series.observe(value)),  # noqa: FBT003 - a column
    )
}
"""By the words that stand before lines."""


OF_RUNS: Final = {
    name: (
        KINDS["histogram" if name == "job_duration_seconds" else "counter" if name.endswith("_total") else "gauge"],
        {"job_runs_total": ("job", "result"), "job_cpu_seconds_total": ("job", "mode")}.get(name, ("job",)),
    )
    for name in HELP
}
"""Kinds and labels of the metrics of `fog run`, which no other line may begin in another way."""


def kind_of(name: str) -> Kind:
    """Return the kind of a metric whose line does not say it."""
    return KINDS["counter" if name.endswith("_total") else "gauge"]


def help_of(name: str) -> str:
    """Return the help text of a metric."""
    return HELP.get(name, _OTHERS)
