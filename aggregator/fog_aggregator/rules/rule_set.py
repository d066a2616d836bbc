"""All rules of a process: files are swapped as one, states stay with their rules, and a checkpoint has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from fog_aggregator.core.saved import Saved, as_list
from fog_aggregator.notifications.notice import Notice
from fog_aggregator.rules.alert import Alert, ended
from fog_aggregator.rules.alerts.alerting import AlertingState
from fog_aggregator.rules.alerts.following import STILL_SEEN
from fog_aggregator.rules.alerts.notices import RESEND, Telling, take_due
from fog_aggregator.rules.alerts.pair import End, Verdicts, View, name_of
from fog_aggregator.rules.alerts.saved import alerts_of, key_of, restore_state, state_image
from fog_aggregator.rules.evaluate import RuleGroupState, recorded_by, recorders_of
from fog_aggregator.rules.model import RuleFile, RuleGroup
from fog_aggregator.rules.ports import Surroundings

INTERVAL: Final = 60_000
"""Between two evaluations of a group that names no interval."""
RULE_REMOVED: Final = "rule_removed"


class RuleSet:
    """The groups of all files, with their states. Not thread-safe, but for `image`.

    Args:
        surroundings: Labels and address of the process.
        interval: The milliseconds between two evaluations of a group that names none.
        resend: The milliseconds after which receivers hear again of an alert that fires.

    Attributes:
        groups: The states of all groups, in the order of the files.
    """

    def __init__(
        self, surroundings: Surroundings | None = None, interval: int = INTERVAL, resend: int = RESEND
    ) -> None:
        self.groups: list[RuleGroupState] = []
        self._surroundings = surroundings or Surroundings()
        self._interval = interval
        self._resend = resend
        self._images: dict[str, list[list[Any]]] = {}
        self._orphans: list[Alert] = []

    def interval(self, group: RuleGroup) -> int:
        """Return the milliseconds between two evaluations of a group."""
        return group.interval or self._interval

    def replace(self, files: Sequence[RuleFile]) -> None:
        """Swap all rules; one that is there as before goes on with its alerts, the alerts of the others are over."""
        groups = [group for file in files for group in file.groups]
        recorded = recorded_by(groups)
        before: dict[str, list[AlertingState]] = {}
        for state in self._alerting():
            before.setdefault(state.key, []).append(state)
        times = {(state.group.file, state.group.name): state.last_evaluation for state in self.groups}
        known = {one.key: one.known_since for several in recorders_of(self.groups).values() for one in several}
        self.groups = [RuleGroupState(group, self._surroundings, recorded) for group in groups]
        recorders = recorders_of(self.groups)
        for recorder in (one for several in recorders.values() for one in several):
            recorder.known_since = known.get(recorder.key)
        for group in self.groups:
            group.last_evaluation = times.get((group.group.file, group.group.name))
            group.recorders = recorders
        for state in self._alerting():
            if same := before.get(state.key):
                _take_over(state, same.pop(0))
        self._orphans += [alert for states in before.values() for one in states for alert in one.alerts.values()]
        self._images = {}
        for group in self.groups:
            self.note(group)

    def take_removed(self, at: int) -> list[Notice]:
        """Take the notices that alerts are over because their rule is there no more: each once."""
        ending = [alert for alert in self._orphans if alert.is_firing and alert.notes.sent_at is not None]
        self._orphans = []
        telling = self.telling(at, at, self._interval)
        return [telling.notice("", ended(alert, at, RULE_REMOVED)) for alert in ending]

    def take_notices(self, group: RuleGroupState, telling: Telling, others: View) -> list[Notice]:
        """Take the notices of a group that are due; see `take_due`."""
        return [notice for state in group.alerting for notice in take_due(state, telling, others)]

    def telling(self, at: int, until: int, interval: int, *, again: bool = False) -> Telling:
        """Say how receivers are told of an evaluation; see `Telling`."""
        return Telling(at, until, interval, self._surroundings, self._resend, again)

    def note(self, group: RuleGroupState) -> None:
        """Take the image of a group after its evaluation: `image` may be called while the next one goes on."""
        self._images[f"{group.group.file}\0{group.group.name}"] = [state_image(state) for state in group.alerting]

    def image(self) -> Saved:
        """Return the states of all alerting rules, as they were after the last evaluation of each."""
        records = [record for images in list(self._images.values()) for record in images]
        return Saved({"rules": records})

    def restore(self, saved: Saved) -> None:
        """Go on from a checkpoint: with the states of the rules that are there, in place of those they have.

        Raises:
            DamagedError: It is not what `image` returns.
        """
        records: dict[str, list[Any]] = {}
        for record in saved.value("rules", as_list):
            records.setdefault(key_of(record), []).append(record)
        for state in self._alerting():
            if same := records.get(state.key):
                restore_state(state, same.pop(0))
        for group in self.groups:
            times = [state.last_evaluation for state in group.alerting if state.last_evaluation is not None]
            group.last_evaluation = max(times, default=None)
            self.note(group)
        self._orphans = [alert for rest in records.values() for record in rest for alert in alerts_of(record)]

    def _alerting(self) -> Iterator[AlertingState]:
        return (state for group in self.groups for state in group.alerting)


def _take_over(state: AlertingState, before: AlertingState) -> None:
    state.alerts, state.flapping = before.alerts, before.flapping
    state.last_evaluation, state.is_resumed = before.last_evaluation, before.is_resumed


def slot(at: int, interval: int) -> int:
    """Return the newest time at or before `at` at which groups of an interval are evaluated, in every aggregator."""
    return at - at % interval


def verdicts(group: RuleGroupState, view: View, interval: int, *, ready: bool) -> Verdicts:
    """Say of a group, after its evaluation, what another aggregator should know.

    Args:
        group: The group.
        view: Names this aggregator, the group and the time.
        interval: The milliseconds between two evaluations.
        ready: Whether the numbers are complete.
    """
    alerts = [alert for state in group.alerting for alert in state.alerts.values()]
    return Verdicts(
        replica=view.pair.replica,
        group=view.group,
        at=view.at,
        interval=interval,
        ready=ready,
        firing=frozenset(name_of(alert.labels) for alert in alerts if _is_seen(alert)),
        unable=frozenset(state.rule.name for state in group.alerting if state.is_unable or state.over_limit),
        doubted=frozenset(name_of(alert.labels) for alert in alerts if alert.is_held and not _is_seen(alert)),
        ended={
            name_of(alert.labels): End(alert.resolved_at, alert.notes.ended_by)
            for alert in alerts
            if not alert.is_active and alert.resolved_at is not None
        },
    )


def _is_seen(alert: Alert) -> bool:
    """Tell whether an alert is true as far as this aggregator can see: firing, or pending."""
    doubt = alert.doubt
    return alert.is_active and not (doubt is not None and (doubt.is_unable or doubt.why == STILL_SEEN))


def states_of(groups: Iterable[RuleGroupState]) -> Mapping[str, int]:
    """Count the alerts by state; of those that fire, the ones that are held or suppressed apart."""
    counts = {"pending": 0, "firing": 0, "held": 0, "suppressed": 0}
    for group in groups:
        for state in group.alerting:
            for alert in state.alerts.values():
                if alert.is_active:
                    counts[_state_of(alert)] += 1
    return counts


def _state_of(alert: Alert) -> str:
    if alert.is_held:
        return "held"
    return "suppressed" if alert.is_firing and alert.notes.suppressed_by else alert.state.value
