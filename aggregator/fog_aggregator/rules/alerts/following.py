"""Follow the alerts of one rule through one evaluation: verdicts turn into states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from fog_aggregator.promql.labels import Labels
from fog_aggregator.rules.alert import Alert, AlertState, doubted, ended, is_remembered, refreshed
from fog_aggregator.rules.alerts.flapping import Flapping
from fog_aggregator.rules.alerts.lateness import Lateness
from fog_aggregator.rules.model import AlertingRule, OnSilence
from fog_aggregator.rules.ports import Evaluation
from fog_aggregator.rules.verdicts.coverage import Behind, Fate, Silence, ending, remember
from fog_aggregator.rules.verdicts.judge import Judge, scopes_of
from fog_aggregator.rules.verdicts.reads import is_about_itself
from fog_aggregator.rules.verdicts.skeleton import Skeleton
from fog_aggregator.rules.verdicts.truth import Truth
from fog_schema.paths import format_path, is_under

STILL_SEEN: Final = "another aggregator still sees it"
"""The doubt of an alert that is over here, and is not there."""


def ended_by(alert: Alert, part: Skeleton, now: Evaluation) -> str:
    """Tell what became of the nodes behind an alert, when it is over because they are; else nothing."""
    coverage = now.circumstances.coverage
    fate = ending(alert.behind or Behind(), scopes_of(part, alert.series), coverage)
    if fate is Fate.ENDED:
        return "node_ended"
    if fate is Fate.GONE:
        silent_for = now.at - alert.doubt.since if alert.doubt is not None else 0
        return "retired" if silent_for >= coverage.horizon else "forgotten"
    return ""


@dataclass(frozen=True, slots=True)
class Following:
    """The alerts of one rule in one evaluation.

    Attributes:
        rule: The rule.
        part: The skeleton of its expression.
        now: The evaluation.
        judge: Judges label sets.
        passed: The milliseconds since the evaluation before.
        flapping: How often each alert has fired lately; it is changed.
        lateness: Knows which values came late.
    """

    rule: AlertingRule
    part: Skeleton
    now: Evaluation
    judge: Judge
    passed: int
    flapping: dict[Labels, Flapping]
    lateness: Lateness

    def follow(self, known: Mapping[Labels, Alert], found: Mapping[Labels, Alert]) -> tuple[dict[Labels, Alert], int]:
        """Follow all alerts; return them with the number of those that were one too many.

        Args:
            known: The alerts after the evaluation before.
            found: A new alert for each series of the result.
        """
        alerts: dict[Labels, Alert] = {}
        for labels, before in known.items():
            if (after := self._missing(before) if labels not in found else None) is not None:
                alerts[labels] = after
        active = {labels for labels, alert in known.items() if alert.is_active}
        limit, over = self.now.group.limit, 0
        room = limit - len(active) if limit else len(found)
        for labels in sorted(found):
            if labels not in active:
                room, over = room - 1, over + (room <= 0)
                if room < 0:
                    continue
            alerts[labels] = self._present(known.get(labels), found[labels])
        return alerts, over

    def _present(self, known: Alert | None, new: Alert) -> Alert:
        alert = refreshed(known, new)
        truth, silence = Truth.TRUE, Silence(0, 0)
        if (meaning := self.rule.on_silence) is not OnSilence.RESOLVE:
            truth, silence = self.judge.present(alert.series, alert.behind)
        if truth is Truth.TRUE or meaning is OnSilence.FIRE:
            scopes, coverage = scopes_of(self.part, alert.series), self.now.circumstances.coverage
            behind = remember(alert.behind, scopes, coverage, self.now.at)
            since = alert.active_at if alert.behind is not None else self.now.at  # before, it was never seen to be true
            return self._true(replace(alert, behind=behind, active_at=since))
        if alert.is_firing:
            return replace(alert, doubt=None)
        return doubted(alert, self.now.at, self.passed if known is not None and known.is_active else 0, str(silence))

    def _missing(self, known: Alert) -> Alert | None:
        at = self.now.at
        if not known.is_active:
            return known if is_remembered(known, at) else None
        if known.doubt is not None and known.doubt.why == STILL_SEEN:
            end = self.now.circumstances.others.end(known.labels)
            if (
                end is not None and end.at >= known.doubt.since
            ):  # both saw it: nobody who falls silent now makes it true
                return self._false(known)
        truth, silence = Truth.FALSE, Silence(0, 0)
        if (meaning := self.rule.on_silence) is not OnSilence.RESOLVE:
            truth, silence = self.judge.missing(known.series, known.behind or Behind())
        if truth is Truth.TRUE or (truth is Truth.UNKNOWN and meaning is OnSilence.FIRE):
            return self._true(known)
        if truth is Truth.UNKNOWN:
            return doubted(known, at, self.passed, str(silence))
        return self._false(known) if known.is_firing else None

    def _true(self, alert: Alert) -> Alert:
        """Follow an alert that is true: it may fire now, and one that was suppressed may be told."""
        at = self.now.at
        alert = replace(alert, doubt=None, keep_firing_since=None)
        if alert.is_firing:
            if alert.notes.suppressed_by:
                return replace(alert, notes=replace(alert.notes, suppressed_by=self._silent_branch(alert)))
            return alert
        if at - alert.active_at < self.rule.pending_for:
            return alert
        if not alert.notes.late and (late := self._late(alert)):
            return replace(alert, notes=replace(alert.notes, late=late))
        flapping = Flapping()
        if self.now.circumstances.damps_flapping:
            flapping = self.flapping[alert.labels] = self.flapping.get(alert.labels, flapping).fire(at)
        notes = replace(alert.notes, suppressed_by=self._silent_branch(alert), flapping=str(flapping))
        return replace(alert, state=AlertState.FIRING, fired_at=at, notes=notes)

    def _false(self, alert: Alert) -> Alert:
        """Follow an alert that fires and is seen to be false: it resolves, unless something keeps it."""
        at = self.now.at
        since = alert.keep_firing_since if alert.keep_firing_since is not None else at
        flapping = self.flapping.get(alert.labels, Flapping())
        if at - since < max(self.rule.keep_firing_for, flapping.keep) or self._is_overdue(alert, since):
            return replace(alert, keep_firing_since=since, doubt=None)
        if self.now.circumstances.others.still_fires(alert.labels):
            return doubted(alert, at, 0, STILL_SEEN)
        return ended(alert, at, ended_by(alert, self.part, self.now))

    def _is_overdue(self, alert: Alert, since: int) -> bool:
        """Tell whether a live node of the alert owes a word from after the moment when it began to be false.

        A rate falls as soon as a node is dead, and it is silent only some intervals later.
        """
        if self.rule.on_silence is OnSilence.RESOLVE:
            return False
        scopes = (scope for scope in scopes_of(self.part, alert.series) if not scope.of_silence)
        words = map(self.now.circumstances.coverage.last_word, scopes)
        return any(word is not None and word <= since for word in words)

    def _silent_branch(self, alert: Alert) -> str:
        """Name the silent branch that all nodes behind an alert lie under; empty without one."""
        scopes = scopes_of(self.part, alert.series)
        if not scopes or is_about_itself(self.rule.tree):
            return ""
        for branch in self.now.circumstances.silent_branches:
            if all(is_under(scope.path, branch) for scope in scopes):
                return format_path(branch)
        return ""

    def _late(self, alert: Alert) -> str:
        """Tell how many of the values came late that an alert on a rate stands on; empty when they are few."""
        return self.lateness.words(scopes_of(self.part, alert.series))
