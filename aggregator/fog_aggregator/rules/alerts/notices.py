"""Choose the alerts that receivers are to be told of, and write them as notices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote_plus

from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.alert import Alert
from fog_aggregator.rules.alerts.alerting import AlertingState
from fog_aggregator.rules.alerts.pair import View
from fog_aggregator.rules.ports import Surroundings

RESEND: Final = 60_000
"""How long receivers may hear nothing of an alert that fires."""
RESOLVED_RESENT: Final = 300_000
"""For how long they are told again that it has resolved."""
SHORTEST_END: Final = 900_000
"""For how long an alert fires for a receiver that hears nothing more: we say ourselves when it has resolved."""
RESENDS_TO_END: Final = 4


@dataclass(frozen=True, slots=True)
class Telling:
    """How receivers are told.

    Attributes:
        at: The time of the evaluation.
        until: The time from which on the end of a firing alert is counted: now, where the evaluation is of the past.
        interval: The milliseconds between two evaluations.
        surroundings: Labels and address of the process.
        resend: As `RESEND`.
        again: Tell again what was told before, however lately that was.
    """

    at: int
    until: int
    interval: int
    surroundings: Surroundings
    resend: int = RESEND
    again: bool = False

    def notice(self, expression: str, alert: Alert) -> Notice:
        """Write an alert of an expression that fires or has resolved."""
        lasts = max(RESENDS_TO_END * max(self.interval, self.resend), SHORTEST_END)
        resolved = alert.resolved_at if alert.resolved_at is not None else self.at
        url = self.surroundings.external_url
        return Notice(
            labels=_with_external(alert.labels, self.surroundings.external_labels),
            annotations=alert.all_annotations,
            starts_at=alert.fired_at if alert.fired_at is not None else alert.active_at,
            ends_at=max(self.at, self.until) + lasts if alert.is_firing else resolved,
            firing=alert.is_firing,
            generator_url=f"{url}/graph?g0.expr={quote_plus(expression)}&g0.tab=1" if url else "",
            is_held=alert.is_held,
            interval=self.interval,
        )


def take_due(state: AlertingState, telling: Telling, others: View) -> list[Notice]:
    """Take the notices of a rule's alerts that are due, and note that they were told.

    Args:
        state: The rule's state; it is changed.
        telling: How receivers are told.
        others: The other aggregators: of an alert that fires there nobody is told that it has resolved.
    """
    notices = []
    for labels, alert in state.alerts.items():
        if _is_due(alert, telling) and not (state.reads_nothing and alert.is_held):
            if not alert.is_firing and not _may_resolve(state, alert, others):
                continue
            state.alerts[labels] = sent = replace(alert, notes=replace(alert.notes, sent_at=telling.at))
            notices.append(telling.notice(state.rule.expression, sent))
    return notices


def _may_resolve(state: AlertingState, alert: Alert, others: View) -> bool:
    """Tell whether receivers may be told that an alert has resolved.

    The first time nobody else may see it fire. Once told, it may have begun anew elsewhere: so it is told again only by
    one that has just seen it to be false, and while nobody else tells that it fires.
    """
    if (alert.notes.sent_at or 0) < (alert.resolved_at or 0):
        return not others.still_fires(alert.labels)
    return not (state.is_unable or state.is_resumed or others.still_told(alert.labels))


def _is_due(alert: Alert, telling: Telling) -> bool:
    sent, at = alert.notes.sent_at, telling.at
    if alert.is_active and not alert.is_firing:
        return False
    if sent is None:
        return alert.is_firing and not alert.notes.suppressed_by
    is_time = at - sent >= telling.resend or telling.again
    if alert.is_firing:
        return is_time
    resolved = alert.resolved_at or 0
    return sent < resolved or (is_time and at - resolved <= RESOLVED_RESENT)


def _with_external(labels: Labels, external: Labels) -> Labels:
    """Add the labels of the process, where the alert has none of that name."""
    return tuple(sorted((dict(external) | dict(labels)).items())) if external else labels
