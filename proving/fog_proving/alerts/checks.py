"""The promises about alerts, as an outsider sees them: by the truth, and by what people were notified of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fog_aggregator.notifications.notice import Notice
from fog_aggregator.promql.labels import Labels, label, make_labels, show
from fog_aggregator.query.fleet_view import LATE_VALUES, MERGED_VALUES
from fog_aggregator.rules.alerts.lateness import LATE_SHARE
from fog_aggregator.rules.alerts.notices import SHORTEST_END
from fog_aggregator.rules.alerts.pair import INTERVALS
from fog_aggregator.rules.verdicts.coverage import Fate
from fog_proving.alerts.fleet import GROUP_HOT, HOT, MINUTE, place_of
from fog_proving.alerts.receiver import Notification
from fog_proving.alerts.world import MINUTES, World
from fog_schema.paths import Path

_SPAN: Final = 2
"""Minutes that an aggregator may be behind the truth."""
_LONG: Final = 6
"""Minutes after which an alert that is seen to be over has resolved."""
_EACH_HOUR: Final = 5
"""Notifications of one alert in an hour."""
_FOR: Final = 3
"""Evaluations that a `for` of two minutes takes."""


def lies(world: World) -> list[str]:
    """List what was told that is not so, or not told that is."""
    found = [*_resolved(world), *_fired(world), *_branches(world), *_lasting(world), *_repeated(world)]
    found += [*_missing(world), *world.receiver.wrong]
    return [f"minute {minute}: {text}" for minute, text in sorted(found)]


def _recent(minute: int) -> range:
    return range(max(0, minute - _SPAN), minute + 1)


def _resolved(world: World) -> Iterator[tuple[int, str]]:
    """No alert resolves while it is true, and it says what has ended it."""
    for one in world.receiver.log:
        if one.firing:
            continue
        why = dict(one.notice.annotations).get("ended_by", "")
        if why == "rule_removed" or (one.timed_out and _nobody_ran(world, one)):
            continue
        moments = {one.minute, _ended(world, one)}
        views = {moment - late for moment in moments for late in range(1 + world.is_pair)}  # one of a pair may be late
        minutes = {minute for moment in moments for minute in _recent(moment)}
        if all(_still_true(world, one.labels, view, minute) for view in views for minute in minutes):
            yield one.minute, f"{show(one.labels)} resolved and is true{' (time was up)' * one.timed_out}"
        if label(one.labels, "alertname") == "NodeHot" and not one.timed_out:
            over_at = min(one.minute, one.notice.ends_at // MINUTE)  # one of a pair may tell of it a minute later
            fate = world.log[over_at].fates[_path(one.labels)]
            before = world.log[max(0, over_at - 1)].fates[_path(one.labels)]
            over = {Fate.ENDED: "node_ended", Fate.GONE: "forgotten"}
            if fate in over and fate is before and why != over[fate]:
                yield one.minute, f"{show(one.labels)} resolved because its node is {fate.value}, and says {why!r}"


def _ended(world: World, one: Notification) -> int:
    """Return the minute in which an alert ended, where that may have been told later; else that of the word."""
    is_late = one.minute in world.receiver.late and not one.timed_out
    return min(one.minute, one.notice.ends_at // MINUTE) if is_late else one.minute


def _nobody_ran(world: World, one: Notification) -> bool:
    """Tell whether no aggregator ran since one last told of an alert, for as long as receivers wait for it.

    Where the receiver was away as well, the one that knew of the alert may have gone before it was back.
    """
    last = (one.notice.ends_at - SHORTEST_END) // MINUTE
    silence = range(last + 1, one.minute)
    return world.ran.keys().isdisjoint(silence) or not world.receiver.away.isdisjoint(silence)


def _still_true(world: World, labels: Labels, view: int, minute: int) -> bool:
    """Tell whether an alert was true in a minute, by the nodes that stood behind it when it was last seen to be true.

    `view` is the minute of the view of whoever said that it has resolved. One of a pair may have seen all a minute late
    whenever it was; and one that has died keeps no alert: after three intervals what it alone saw counts no more.
    """
    truth = world.truths[minute].get(labels, False)
    if label(labels, "alertname") != "GroupHot" or not truth:
        return truth
    branch = label(labels, "fog_path").split("/")[1]
    there = {name for late in range(INTERVALS + 1) for name in world.ran.get(view - late, ())}
    for earlier in (one for one in range(view, -1, -1) if world.judged.get(one, set()) & there):
        live = [_live_and_hot(world, branch, max(0, earlier - late)) for late in range(1 + world.is_pair)]
        if all(live):
            fates = world.log[view].fates
            left = [path for path in set.intersection(*live) if fates[path] in {Fate.LIVE, Fate.SILENT}]
            return sum(world.temperatures[minute][path] for path in left) > GROUP_HOT
    return False


def _live_and_hot(world: World, branch: str, minute: int) -> set[Path]:
    """Return the live nodes of a branch that was hot in a minute; none when it was not."""
    live = {path for path, fate in world.log[minute].fates.items() if path[1] == branch and fate is Fate.LIVE}
    return live if sum(world.temperatures[minute][path] for path in live) > GROUP_HOT else set()


def _fired(world: World) -> Iterator[tuple[int, str]]:
    """No alert fires without a true verdict, sooner than it may, or without saying what is odd about it."""
    for one in world.receiver.log:
        if not one.firing:
            continue
        name, begun = label(one.labels, "alertname"), one.notice.starts_at // MINUTE
        known = [world.truths[minute].get(one.labels) for minute in _recent(begun)]
        if name in {"NodeHot", "GroupHot", "GroupCold", "NodesMissing"} and not any(known):
            yield one.minute, f"{show(one.labels)} fires and is not true"
        if name == "GroupHot" and not world.is_pair and world.hot[begun].get(one.labels, 0) < _FOR:
            yield one.minute, f"{show(one.labels)} fires after {world.hot[begun].get(one.labels, 0)} evaluations"
        views = (begun, begun - 1) if world.is_pair else (begun,)
        if name == "Failing":
            late, path = "late" in dict(one.notice.annotations), _path(one.labels)
            if not late and all(_late(world, path, view) > 5 * LATE_SHARE for view in views):
                yield one.minute, f"{show(one.labels)} stands on late values and does not say so"
            if late and not any(_late(world, path, view) for view in _recent(begun)):
                yield one.minute, f"{show(one.labels)} waits for late values of others"


def _late(world: World, group: Path, minute: int) -> float:
    """Return the share of a group's values that came late in the window of a rate."""
    totals = []
    for name in (LATE_VALUES, MERGED_VALUES):
        series = make_labels({"__name__": name, **place_of(group)})
        first, last = (world.log[at].values.get(series, 0) for at in (max(0, minute - 2), minute))
        totals.append(last - first)
    return totals[0] / totals[1] if totals[1] else 0.0


def _branches(world: World) -> Iterator[tuple[int, str]]:
    """Of a branch that falls silent people hear once, and below it nothing new begins."""
    for branch in {path for seen in world.log.values() for path in seen.silent}:
        begun: int | None = None
        for minute in range(MINUTES):
            if branch in world.log[minute].silent:
                begun = minute if begun is None else begun
                continue
            if begun is not None:
                yield from _episode(world, branch, begun, minute)
            begun = None


def _episode(world: World, branch: Path, begun: int, over: int) -> Iterator[tuple[int, str]]:
    new = [
        one
        for one in world.receiver.log
        if one.firing and begun + _SPAN < one.notice.starts_at // MINUTE and one.minute < over and _under(one, branch)
    ]
    if len(new) > 1 or any(label(one.labels, "alertname") != "BranchSilent" for one in new):
        yield new[-1].minute, f"{len(new)} notifications of {branch}, which is silent: {show(new[-1].labels)}"


def _under(one: Notification, branch: Path) -> bool:
    return _path(one.labels)[: len(branch)] == branch


def _path(labels: Labels) -> Path:
    return tuple(label(labels, "fog_path").split("/"))


def _lasting(world: World) -> Iterator[tuple[int, str]]:
    """Find alerts that fire for ever: they were seen to be over, or their rule is gone.

    An aggregator with a rule that fails keeps its alerts.
    """
    if any(replica.samples.failing for replica in world.replicas):
        return
    for labels, notice in world.receiver.firing.items():
        name, last = label(labels, "alertname"), range(MINUTES - _LONG, MINUTES)
        if name == "GroupHot" and world.removed.issuperset(last):
            yield MINUTES, f"{show(labels)} fires, and its rule is gone"
        if name != "NodeHot" or not world.judged.keys() >= set(last) or _flaps(world, labels, notice):
            continue
        path = _path(labels)
        fates = {world.log[minute].fates[path] for minute in last}
        cool = all(world.temperatures[minute][path] <= HOT for minute in last)
        if fates <= {Fate.ENDED, Fate.GONE} or (fates == {Fate.LIVE} and cool):
            yield MINUTES, f"{show(labels)} fires for ever: {', '.join(fate.value for fate in fates)}"


def _flaps(world: World, labels: Labels, notice: Notice) -> bool:
    """Tell whether an alert flaps for whoever told of it, or for the other one of a pair, who keeps it then."""
    states = (state for one in world.replicas for group in one.set.groups for state in group.alerting)
    return "flapping" in dict(notice.annotations) or any(
        state.flapping[labels].keep for state in states if labels in state.flapping
    )


def _missing(world: World) -> Iterator[tuple[int, str]]:
    """Find nodes that are expected, were never heard, and that nobody hears of; and others that are said to be."""
    last = range(MINUTES - 2 * _LONG, MINUTES)
    labels = make_labels({"alertname": "NodesMissing", "state": "missing"})
    truths = {world.truths[minute][labels] for minute in last}
    fires = labels in world.receiver.firing
    if world.judged.keys() >= set(last) and truths == {not fires}:
        yield MINUTES, f"{show(labels)} {'fires, and is over' if fires else 'is true, and nobody was told'}"


def _repeated(world: World) -> Iterator[tuple[int, str]]:
    """People do not hear the same again and again, and an alert that fires does not begin anew."""
    if world.is_pair:
        return
    for one in (one for one in world.receiver.moved if one.minute not in world.receiver.late):
        yield one.minute, f"{show(one.labels)} began anew while it fired"
    firings: dict[Labels, list[int]] = {}
    for one in world.receiver.log:
        if one.firing:
            firings.setdefault(one.labels, []).append(one.minute)
    for labels, minutes in firings.items():
        for first, later in zip(minutes, minutes[_EACH_HOUR:], strict=False):
            if later - first < 60:
                yield later, f"{show(labels)} fired {_EACH_HOUR + 1} times within an hour"
