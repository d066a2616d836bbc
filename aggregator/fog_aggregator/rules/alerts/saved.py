"""Save the state of an alerting rule, and go on from it exactly: an alert that fires needs no second `for`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from fog_aggregator.core.saved import (
    DamagedError,
    as_count,
    as_flag,
    as_integer,
    as_labels,
    as_list,
    as_path,
    as_sample,
    as_text,
)
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.alert import Alert, AlertState, Doubt, Notes
from fog_aggregator.rules.alerts.alerting import AlertingState
from fog_aggregator.rules.alerts.flapping import Flapping
from fog_aggregator.rules.verdicts.coverage import Behind

T = TypeVar("T")


def state_image(state: AlertingState) -> list[Any]:
    """Return the state of a rule as plain values: its key, the last evaluation, alerts, and how they flap."""
    flapping = [(labels, one.fired, one.keep) for labels, one in state.flapping.items()]
    return [state.key, state.last_evaluation, [_alert_image(alert) for alert in state.alerts.values()], flapping]


def restore_state(state: AlertingState, record: Any) -> None:
    """Go on from what `state_image` returned.

    Raises:
        DamagedError: It is something else.
    """
    _, last_evaluation, alerts, flapping = _fields(record, 4)
    state.last_evaluation = _optional(as_integer)(last_evaluation)
    state.alerts = {alert.labels: alert for alert in read_alerts(alerts)}
    state.flapping = {}
    for one in as_list(flapping):
        labels, fired, keep = _fields(one, 3)
        state.flapping[as_labels(labels)] = Flapping(tuple(map(as_integer, as_list(fired))), as_count(keep))
    state.is_resumed = state.last_evaluation is not None


def key_of(record: Any) -> str:
    """Return the key of the rule that a record is of."""
    return as_text(_fields(record, 4)[0])


def read_alerts(saved: Any) -> list[Alert]:
    """Read the alerts of a record."""
    return [_read_alert(one) for one in as_list(saved)]


def alerts_of(record: Any) -> list[Alert]:
    """Read the alerts of a rule that is there no more."""
    return read_alerts(_fields(record, 4)[2])


def _alert_image(alert: Alert) -> list[Any]:
    behind, doubt, notes = alert.behind, alert.doubt, alert.notes
    return [
        alert.labels,
        alert.annotations,
        alert.value,
        alert.active_at,
        alert.state.value,
        alert.fired_at,
        alert.resolved_at,
        alert.keep_firing_since,
        alert.series,
        None if behind is None else (behind.count, behind.nodes, behind.silent, behind.silent_since),
        None if doubt is None else (doubt.since, doubt.why, doubt.is_unable),
        (notes.sent_at, notes.suppressed_by, notes.ended_by, notes.late, notes.flapping),
    ]


def _read_alert(record: Any) -> Alert:
    values = [check(value) for check, value in zip(_CHECKS, _fields(record, len(_CHECKS)), strict=True)]
    return Alert(*values)


def _fields(record: Any, count: int) -> Sequence[Any]:
    fields = as_list(record)
    if len(fields) != count:
        raise DamagedError(f"a record of rules has {len(fields)} fields, not {count}")
    return fields


def _optional(check: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else check(value)


def _state(value: Any) -> AlertState:
    text = as_text(value)
    if text not in {state.value for state in AlertState}:
        raise DamagedError(f"{text!r} is no state of an alert")
    return AlertState(text)


def _behind(value: Any) -> Behind:
    count, nodes, silent, since = _fields(value, 4)
    paths = None if nodes is None else tuple(map(as_path, as_list(nodes)))
    return Behind(as_count(count), paths, as_count(silent), _optional(as_integer)(since))


def _doubt(value: Any) -> Doubt:
    since, why, is_unable = _fields(value, 3)
    return Doubt(as_integer(since), as_text(why), as_flag(is_unable))


def _notes(value: Any) -> Notes:
    sent_at, *texts = _fields(value, 5)
    return Notes(_optional(as_integer)(sent_at), *map(as_text, texts))


def _labels(value: Any) -> Labels:
    return as_labels(value)


_TIME: Final = _optional(as_integer)
_CHECKS: Final[tuple[Callable[[Any], Any], ...]] = (
    _labels,
    _labels,
    as_sample,
    as_integer,
    _state,
    _TIME,
    _TIME,
    _TIME,
    _labels,
    _optional(_behind),
    _optional(_doubt),
    _notes,
)
"""A check for each field of an alert, in its order."""
