"""Tests of what the receivers of alerts hear: after restarts and reloads, below a silent branch, and of flapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgpack
import pytest

from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.promql.labels import Labels
from fog_aggregator.query.fleet_view import LATE_VALUES, MERGED_VALUES
from fog_aggregator.rules.alert import Alert
from fog_aggregator.rules.alerts.notices import RESEND, RESOLVED_RESENT, SHORTEST_END
from fog_aggregator.rules.alerts.pair import End, name_of
from fog_aggregator.rules.ports import Circumstances, Surroundings
from fog_aggregator.rules.rule_set import RuleSet, slot, states_of
from fog_aggregator.rules.verdicts.coverage import Fate
from tests.rules.alert_watch import RULE, Watch
from tests.rules.storing import MINUTE, Samples, load_text

NAME: Final = name_of((("alertname", "Hot"),))


def test_a_restart_neither_resolves_nor_fires_again() -> None:
    """Firing is firing, with the same beginning; it is re-sent at once."""
    watch = Watch(hold="1m")
    watch.step(9)
    watch.step(9)
    (first,) = watch.heard
    before = watch.alert
    watch.restart()
    assert watch.alert == before
    (again,) = watch.tell(again=True)
    assert again.key == first.key
    watch.minute += 30
    watch.step(9)
    assert [one.key for one in watch.heard] == [first.key]
    watch.restart()
    watch.step(1)
    assert [(one.firing, one.starts_at) for one in watch.heard] == [(False, first.starts_at)]
    watch.restart()
    assert watch.tell(again=True) == []  # told before; in a pair it may fire again by now
    watch.step(1)
    assert [one.firing for one in watch.heard] == [False]


def test_time_away_does_not_count_for_a_pending_alert() -> None:
    """Nobody saw whether it was true."""
    watch = Watch(hold="2m")
    watch.step(9)
    watch.step(9)
    watch.restart()
    watch.minute += 10
    watch.step(9)
    assert watch.state == "pending"
    watch.step(9)
    assert watch.state == "firing"


def test_a_rule_that_left_the_file_resolves_once() -> None:
    """At a reload, and after a restart with another file."""
    for restarts in (False, True):
        watch = Watch()
        watch.step(9)
        if restarts:
            watch.restart("groups: []")
        else:
            watch.set.replace([load_text("groups: []")])
        (notice,) = watch.set.take_removed(MINUTE)
        assert (notice.firing, dict(notice.annotations)["ended_by"]) == (False, "rule_removed")
        assert watch.set.take_removed(MINUTE) == []


def test_a_reload_leaves_rules_alone_that_are_as_before() -> None:
    """Another `for` changes nothing for an alert that fires; another expression is another rule."""
    watch = Watch()
    watch.step(9)
    watch.set.replace([load_text(watch.text.replace("for: 0s", "for: 1h"))])
    watch.step(9)
    assert watch.state == "firing"
    assert [one.starts_at for one in watch.heard] == [0]
    watch.set.replace([load_text(watch.text.replace("temp > 5", "temp > 6"))])
    assert len(watch.set.take_removed(MINUTE)) == 1


@pytest.mark.parametrize("at", range(12))
def test_a_damaged_record_is_refused(at: int) -> None:
    """Each field has its check."""
    watch = Watch()
    watch.step(9)
    plain = msgpack.unpackb(msgpack.packb(watch.set.image().plain))
    plain["rules"][0][2][0][at] = {"not": "this"}
    with pytest.raises(DamagedError):
        watch.set.restore(Saved(plain))


def test_an_alert_lasts_for_receivers_until_long_after_the_next_word() -> None:
    """A quarter of an hour, or four intervals if that is more."""
    watch = Watch()
    watch.step(9)
    assert watch.heard[0].ends_at == SHORTEST_END
    telling = watch.set.telling(0, 10 * MINUTE, 60 * MINUTE)
    alert = watch.alert
    assert alert is not None
    assert telling.notice("x", alert).ends_at == (10 + 4 * 60) * MINUTE
    assert telling.notice("temp > 5", alert).generator_url == "http://fog/graph?g0.expr=temp+%3E+5&g0.tab=1"


def test_receivers_hear_again_of_what_fires_and_of_what_has_resolved() -> None:
    """Of the latter for five minutes; of what was never told they hear nothing."""
    watch = Watch()
    watch.step(9)
    assert watch.tell() == []
    told = 0
    for _ in range(12):
        watch.step(1)
        told += len(watch.heard)
    assert told == RESOLVED_RESENT // RESEND + 1


def test_another_aggregator_that_sees_it_holds_an_alert() -> None:
    """Firing wins, and nobody hears that it is over."""
    watch = Watch()
    watch.step(9)
    watch.hears(firing=frozenset([NAME]))
    watch.step(1)
    assert watch.state == "held"
    assert [one.firing for one in watch.heard] == [True]
    watch.fleet.set(Fate.SILENT, "fog/0/1")
    watch.hears(ended={NAME: End(1 * MINUTE, "")})
    watch.step(1)
    assert watch.state == "inactive", "it was seen to be false, by a node that spoke"


def test_an_end_that_another_aggregator_has_seen_ends_what_cannot_be_judged() -> None:
    """With its time and its reason; an end before the doubt began is of an earlier alert."""
    watch = Watch()
    watch.step(9)
    watch.step(9)
    watch.hears(ended={NAME: End(1 * MINUTE, "node_ended")})
    watch.step(paused="cut off")
    assert watch.state == "held"
    watch.hears(ended={NAME: End(2 * MINUTE, "node_ended")})
    watch.step(paused="cut off")
    assert (watch.state, [one.ends_at for one in watch.heard]) == ("inactive", [2 * MINUTE])
    assert dict(watch.heard[0].annotations)["ended_by"] == "node_ended"


def test_what_has_resolved_is_told_again_by_those_alone_who_see_it() -> None:
    """It may have begun anew elsewhere: one that cannot judge does not know, and one that hears so is silent."""
    watch = Watch()
    watch.step(9)
    watch.step(1)
    assert [one.firing for one in watch.heard] == [False]
    watch.step(paused="cut off")
    assert watch.heard == []
    watch.hears(doubted=frozenset([NAME]))
    watch.step(1)
    assert watch.heard == []
    watch.hears()
    watch.step(1)
    assert [one.firing for one in watch.heard] == [False]


BRANCH: Final = RULE.replace("temp > 5", "temp{fog_level='1'} > 5")


def branch_step(watch: Watch, silent: tuple[tuple[str, ...], ...], value: float = 9) -> Alert:
    """Let a minute pass in which the group fog/0 has a value."""
    watch.minute += 1
    at = watch.minute * MINUTE
    watch.storage.series.clear()
    watch.storage.put("temp", at, value, fog_level="1", fog_path="fog/0")
    (group,) = watch.set.groups
    group.evaluate(at, watch.storage, Circumstances(coverage=watch.fleet, silent_branches=silent))
    watch.heard = watch.tell()
    alert = watch.alert
    assert alert is not None
    return alert


def test_below_a_silent_branch_nothing_new_is_told() -> None:
    """The alert is there, and says why nobody hears of it; it is told when the branch is back and it is still true."""
    watch = Watch(BRANCH)
    alert = branch_step(watch, (("fog", "0"),))
    assert (alert.is_firing, alert.notes.suppressed_by, watch.heard) == (True, "fog/0", [])
    assert states_of(watch.set.groups)["suppressed"] == 1
    alert = branch_step(watch, ())
    assert [one.starts_at for one in watch.heard] == [0]
    branch_step(watch, (("fog", "0"),))
    assert [one.firing for one in watch.heard] == [True]
    branch_step(watch, (("fog", "0"),), 1)
    assert [one.firing for one in watch.heard] == [False]


def test_an_alert_that_was_suppressed_resolves_in_silence() -> None:
    """Nobody heard that it fired. A branch elsewhere suppresses nothing."""
    watch = Watch(BRANCH)
    branch_step(watch, (("fog", "0"),))
    assert branch_step(watch, (("fog", "0"),), 1).state.value == "inactive"
    assert watch.heard == []
    watch = Watch(BRANCH)
    branch_step(watch, (("fog", "1"), ("fog", "0", "1")))
    assert len(watch.heard) == 1


def flaps(watch: Watch) -> Iterator[str]:
    """Let an alert be true and false every five minutes for five hours."""
    for minute in range(300):
        watch.step(9 if minute // 5 % 2 == 0 else 1)
        yield watch.state


def test_an_alert_that_flaps_goes_on_firing() -> None:
    """From the third firing in an hour on; it says so."""
    watch = Watch()
    states = list(flaps(watch))
    fired = sum(one == "firing" and before != "firing" for before, one in zip(["", *states], states, strict=False))
    assert fired == 3
    alert = watch.alert
    assert alert is not None
    assert dict(alert.all_annotations)["flapping"] == "fired 3 times in an hour; goes on firing for 15 minutes"


LATE: Final = RULE.replace("temp > 5", "increase(x[2m]) > 5")
LATE_GROUPS: Final = RULE.replace("temp > 5", 'increase(x{fog_level="1"}[2m]) > 5')


def late_storage(late: Mapping[str, float], names: Sequence[str] = ("fog/0", "fog/1")) -> Samples:
    """Store a counter that grows, and how many of a hundred values came late in each minute.

    Args:
        late: The late values of the branches, and of the whole by an empty name.
        names: The branches.
    """
    storage = Samples()
    for minute in range(9):
        for name in ("", *names):
            place = {"fog_level": str(name.count("/")), "fog_path": name} if name else {}
            storage.put("x", minute * MINUTE, 100.0 * minute, **place)
            storage.put(MERGED_VALUES, minute * MINUTE, 100.0 * minute, **place)
            storage.put(LATE_VALUES, minute * MINUTE, late.get(name, 0.0) * minute, **place)
    return storage


@pytest.mark.parametrize(("late", "waits"), [(0.5, 0), (5.0, 1)])
def test_a_rate_over_late_values_waits_for_one_more_evaluation(late: float, waits: int) -> None:
    """More than one in a hundred are too many; it fires then, and says so."""
    watch, storage = Watch(LATE), late_storage({"": late}, ())
    (group,) = watch.set.groups
    states = []
    for minute in range(4, 7):
        group.evaluate(minute * MINUTE, storage, Circumstances(coverage=watch.fleet))
        states.append(watch.state)
    assert states == ["pending"] * waits + ["firing"] * (3 - waits)
    alert = watch.alert
    assert alert is not None
    assert dict(alert.all_annotations).get("late", "") == waits * "5.0% of the values of the last 120 s came late"


def fires_at_once(watch: Watch, storage: Samples) -> dict[str, bool]:
    """Evaluate once; tell by their paths which alerts fire."""
    (group,) = watch.set.groups
    group.evaluate(4 * MINUTE, storage, Circumstances(coverage=watch.fleet))
    (rule,) = group.alerting
    return {dict(labels).get("fog_path", ""): alert.is_firing for labels, alert in rule.alerts.items()}


@pytest.mark.parametrize(
    ("late", "fires"),
    [
        ({"": 10.0, "fog/1": 20.0}, {"fog/0": True, "fog/1": False}),
        ({"": 0.9, "fog/1": 1.8}, {"fog/0": True, "fog/1": False}),
        ({"": 10.0, "fog/0": 10.0, "fog/1": 10.0}, {"fog/0": False, "fog/1": False}),
        ({}, {"fog/0": True, "fog/1": True}),
    ],
)
def test_only_the_late_values_of_the_alerts_own_part_of_the_tree_count(
    late: Mapping[str, float], fires: Mapping[str, bool]
) -> None:
    """Neither do those of a sibling hold it, nor do the punctual ones of the others hide its own."""
    assert fires_at_once(Watch(LATE_GROUPS), late_storage(late)) == fires


def test_where_a_level_is_not_kept_the_one_above_it_tells_who_is_late() -> None:
    """A rule on one node reads its past in the stream; of values that came late the history alone knows."""
    text = RULE.replace("temp > 5", 'increase(x{fog_node="fog/1/7"}[2m]) > 5')
    for late, fires in (({"": 10.0, "fog/1": 20.0}, False), ({"": 10.0, "fog/0": 20.0}, True)):
        storage = late_storage(late)
        storage.refused = 'fog_level="2"'
        for minute in range(5):
            storage.put("x", minute * MINUTE, 100.0 * minute, fog_node="fog/1/7")
        assert fires_at_once(Watch(text), storage) == {"": fires}


def test_who_is_late_is_asked_once_for_each_level() -> None:
    """And of the whole alone while nothing is late: a rule may have thousands of alerts."""
    for late, questions in (({}, 1), ({"": 5.0, "fog/0": 5.0}, 2)):
        storage = late_storage(late, [f"fog/{number}" for number in range(50)])
        assert len(fires_at_once(Watch(LATE_GROUPS), storage)) == 50
        assert sum(LATE_VALUES in question for question in storage.asked) == questions


def test_slots_are_the_same_in_every_aggregator() -> None:
    """They are multiples of the interval since 1970."""
    assert [slot(at, MINUTE) for at in (0, 59_999, 60_000, 119_999)] == [0, 0, MINUTE, MINUTE]


def test_labels_of_the_process_are_added_where_there_are_none() -> None:
    """An alert's own win."""
    labels: Labels = (("alertname", "ours"), ("site", "a"))
    watch = Watch()
    watch.set = RuleSet(Surroundings(external_labels=labels))
    watch.set.replace([load_text(watch.text)])
    watch.step(9)
    assert watch.heard[0].labels == (("alertname", "Hot"), ("site", "a"))


def test_an_alert_that_ends_in_the_minute_in_which_it_was_told_again_is_told_to_have_ended() -> None:
    """After a restart: it fired before, is told at once, and is over at the first evaluation."""
    watch = Watch()
    watch.step(9)
    watch.restart()
    watch.minute += 1
    assert [one.firing for one in watch.tell(again=True)] == [True]
    watch.minute -= 1
    watch.step(1)
    assert [one.firing for one in watch.heard] == [False]
