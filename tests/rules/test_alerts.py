"""Alerts that do not lie: what holds them, and what ends them."""

from __future__ import annotations

from typing import Final

import pytest

from fog_aggregator.promql import EvaluationError
from fog_aggregator.rules import RuleFileError
from fog_aggregator.rules.alerts.notices import SHORTEST_END
from fog_aggregator.rules.verdicts.coverage import Fate
from tests.rules.alert_watch import NODES, RULE, Watch
from tests.rules.storing import MINUTE, Samples, load_text


def test_silence_holds_an_alert_and_tells_nobody_anew() -> None:
    """It is re-sent with the same beginning, says since when and why, and resolves once all have spoken."""
    watch = Watch()
    watch.step(9)
    (first,) = watch.heard
    watch.fleet.set(Fate.SILENT, NODES[0])
    watch.step(None)
    assert watch.state == "held"
    (again,) = watch.heard
    assert (again.key, again.firing, again.is_held) == (first.key, True, True)
    assert dict(again.annotations)["no_data"] == "since 1970-01-01T00:01:00Z, 1 of 2 nodes silent"
    watch.step(1)
    assert watch.state == "held"
    watch.fleet.set(Fate.LIVE, NODES[0])
    watch.step(1)
    assert watch.state == "inactive"
    assert [(one.firing, one.starts_at, one.ends_at) for one in watch.heard] == [(False, 0, 3 * MINUTE)]


def test_a_true_word_ends_the_doubt() -> None:
    """Held, then true again: the same firing, and nothing of the doubt is left."""
    watch = Watch()
    watch.step(9)
    watch.fleet.set(Fate.SILENT, NODES[0])
    watch.step(None)
    alert = watch.step(8)
    assert alert is not None
    assert (watch.state, alert.doubt, alert.fired_at) == ("firing", None, 0)


def test_the_clock_of_a_pending_alert_stands_still_in_doubt() -> None:
    """Two minutes of truth are two minutes, with any silence between them."""
    watch = Watch(hold="2m")
    watch.step(9)
    watch.step(9)
    watch.fleet.set(Fate.SILENT, NODES[0])
    for _ in range(5):
        watch.step(None)
        assert watch.state == "pending"
    watch.fleet.set(Fate.LIVE, NODES[0])
    watch.step(9)
    assert watch.state == "firing"
    watch = Watch(hold="2m")
    watch.step(9)
    watch.step(None)
    assert watch.alert is None


@pytest.mark.parametrize(
    ("fate", "why"), [(Fate.ENDED, "node_ended"), (Fate.GONE, "forgotten"), (Fate.LIVE, "")], ids=str
)
def test_an_alert_says_what_ended_it(fate: Fate, why: str) -> None:
    """Its nodes, or the data."""
    watch = Watch()
    watch.step(9)
    watch.fleet.set(fate, *NODES)
    watch.step(None)
    assert watch.state == "inactive"
    (notice,) = watch.heard
    assert dict(notice.annotations).get("ended_by", "") == why


def test_a_live_node_that_is_overdue_is_waited_for() -> None:
    """A number that falls says nothing before the node has spoken again, or is silent; nobody hears of the wait."""
    for fate, state in ((Fate.LIVE, "inactive"), (Fate.SILENT, "held"), (Fate.ENDED, "inactive")):
        watch = Watch()
        watch.step(9)
        watch.fleet.overdue = 30_000  # its last word; the number begins to be false at the first minute
        assert [watch.step(value) and watch.state for value in (1, None)] == ["firing", "firing"]
        watch.fleet.set(fate, NODES[0])
        watch.fleet.overdue = MINUTE + 1 if fate is Fate.LIVE else None
        watch.step(None)
        assert watch.state == state
    watch = Watch(means="resolve")
    watch.step(9)
    watch.fleet.overdue = 30_000
    watch.step(1)
    assert watch.state == "inactive"


def test_the_clock_of_a_pause_may_be_behind() -> None:
    """While the server is away the machine's clock counts: what is pending is no older for that."""
    watch = Watch(hold="5m")
    watch.minute = 9
    watch.step(9)
    watch.minute = 2
    watch.step(None, paused="cut off")
    watch.minute = 10
    watch.step(9)
    assert watch.state == "pending"


def test_a_clock_that_was_ahead_keeps_no_alert_waiting() -> None:
    """It began to be true, and was told, in a month that was not: it fires after its time, and is told again."""
    watch = Watch(hold="5m")
    watch.minute = 43_200
    watch.step(9)
    watch.minute = 3
    for _ in range(6):
        assert watch.state == "pending"
        watch.step(9)
    assert watch.state == "firing"
    watch.minute = 43_200
    watch.step(9)
    watch.minute = 10
    watch.step(1)
    assert watch.state == "inactive"
    assert watch.heard[-1].ends_at < 20 * MINUTE


def test_a_held_alert_ends_with_its_nodes() -> None:
    """In good order, by request, or at the horizon; and with nothing else."""
    for minutes, why in ((3, "forgotten"), (20, "retired")):
        watch = Watch()
        watch.fleet.horizon = 10 * MINUTE
        watch.step(9)
        watch.fleet.set(Fate.SILENT, *NODES)
        for _ in range(minutes):
            watch.step(None)
            assert watch.state == "held"
        watch.fleet.set(Fate.GONE, *NODES)
        watch.step(None)
        (notice,) = watch.heard
        assert (notice.firing, dict(notice.annotations)["ended_by"]) == (False, why)


def test_a_rule_may_say_that_silence_resolves() -> None:
    """As Prometheus has it; receivers never see the word."""
    watch = Watch(means="resolve")
    watch.step(9)
    assert dict(watch.heard[0].annotations) == {"summary": "hot"}
    watch.fleet.set(Fate.SILENT, NODES[0])
    watch.step(None)
    assert watch.state == "inactive"


def test_a_rule_may_say_that_silence_fires() -> None:
    """The clock of `for` goes on."""
    watch = Watch(means="fire", hold="2m")
    watch.step(9)
    watch.fleet.set(Fate.SILENT, NODES[0])
    watch.step(None)
    watch.step(None)
    assert watch.state == "firing"


def test_another_word_about_silence_is_an_error() -> None:
    """The text says which there are, when the file is loaded."""
    with pytest.raises(RuleFileError, match="is 'MEANS': write one of hold, resolve, fire"):
        load_text(RULE.replace("FOR", "0s").replace("KEEP", "0s"))


LESS: Final = RULE.replace("temp > 5", "temp < 5")


def test_a_new_alert_that_silence_could_have_made_waits() -> None:
    """It says who is missed, its clock does not run, and it fires once they have spoken."""
    watch = Watch(LESS, hold="1m")
    watch.fleet.set(Fate.SILENT, NODES[0])
    for _ in range(5):
        alert = watch.step(1)
        assert watch.state == "pending"
    assert alert is not None
    assert dict(alert.all_annotations)["waits"] == "since 1970-01-01T00:00:00Z, 1 of 2 nodes silent"
    watch.fleet.set(Fate.LIVE, NODES[0])
    watch.step(1)
    assert watch.state == "pending"
    watch.step(1)
    assert watch.state == "firing"


def test_nothing_is_said_while_the_numbers_are_not_known() -> None:
    """Not ready, cut off, behind: firing alerts are re-sent, pending ones wait, and nothing new begins."""
    watch = Watch()
    watch.step(9)
    for _ in range(3):
        watch.step(None, paused="not connected to NATS")
        assert watch.state == "held"
        assert [one.firing for one in watch.heard] == [True]
    watch.step(1)
    assert watch.state == "inactive"
    watch.step(9, paused="not ready")
    assert watch.state == "inactive"
    watch.step(9)
    assert watch.state == "firing"


def test_a_rule_waits_until_the_numbers_reach_back_as_far_as_it_looks() -> None:
    """And says so."""
    watch = Watch(RULE.replace("temp > 5", "max_over_time(temp[2m]) > 5"))
    watch.step(9, known_since=0)
    watch.step(9, known_since=0)
    assert watch.alert is None
    watch.step(9, known_since=0)
    assert watch.state == "firing"


META: Final = """\
groups:
- name: fog_meta
  rules:
  - alert: Hot
    expr: temp > 5
"""


def test_rules_on_the_process_itself_are_always_evaluated() -> None:
    """They are what speaks when nothing else may; their group has that name."""
    watch = Watch(META)
    watch.step(9, paused="not ready")
    assert watch.state == "firing"
    watch.step(1, paused="not ready")
    assert watch.state == "inactive"


def test_the_watchdog_is_told_only_while_verdicts_are_given() -> None:
    """Its silence is the alarm."""
    watch = Watch(META.replace("temp > 5", "vector(1)"))
    watch.step()
    assert [one.firing for one in watch.heard] == [True]
    watch.step(paused="not ready")
    assert watch.heard == []
    watch.step()
    assert [one.firing for one in watch.heard] == [True]


def test_errors_do_not_resolve() -> None:
    """The alert is extended, and says that its rule fails."""
    watch = Watch()
    watch.step(9)
    watch.storage.query = _fails  # type: ignore[assignment]
    watch.step(None)
    assert watch.state == "held"
    (notice,) = watch.heard
    assert notice.ends_at == MINUTE + SHORTEST_END
    assert "its rule fails: 'text'" in dict(notice.annotations)["no_data"]


def _fails(expression: object, at: int) -> object:
    del expression, at
    raise EvaluationError("'text'")


def test_a_limit_takes_nothing_away() -> None:
    """The ones that are there stay, newcomers beyond it are not made, and the rule says how many there are."""
    watch = Watch(RULE.replace("- name: g", "- name: g\n  limit: 2"))
    group = watch.set.groups[0]
    storage = Samples()
    for number in (2, 3):
        storage.put("temp", 0, 9.0, n=str(number))
    group.evaluate(0, storage)
    for number in (1, 2, 3, 4):
        storage.put("temp", MINUTE, 9.0, n=str(number))
    result = group.evaluate(MINUTE, storage)
    state = group.alerting[0]
    assert [dict(labels)["n"] for labels in state.alerts] == ["2", "3"]
    assert state.over_limit == 2
    assert [problem.text for problem in result.problems] == ["exceeded limit of 2 with 4 alerts"]
    assert all(alert.is_firing for alert in state.alerts.values())


def test_a_node_that_falls_silent_still_stands_behind_what_it_sent_before() -> None:
    """The numbers are older than what is known of nodes: the alert is true once more, then its series is gone."""
    watch = Watch()
    watch.step(9)
    watch.fleet.set(Fate.SILENT, *NODES)
    watch.step(9)
    watch.step(None)
    assert watch.state == "held"
    watch = Watch()
    watch.fleet.set(Fate.SILENT, *NODES)
    watch.step(9)
    watch.step(None)
    assert watch.state == "held"


def test_a_node_that_is_silent_for_long_stands_behind_nothing() -> None:
    """An alert that is true without it is over when the others say so."""
    watch = Watch()
    watch.step(9)
    watch.fleet.set(Fate.SILENT, NODES[0])
    for _ in range(7):
        watch.step(9)
    watch.step(1)
    assert watch.state == "inactive"


def test_a_node_that_ends_is_the_reason_also_when_its_numbers_last_longer() -> None:
    """The alert is true once more, then its series is gone: it says that its node has ended."""
    watch = Watch()
    watch.step(9)
    watch.fleet.set(Fate.ENDED, *NODES)
    watch.step(9)
    watch.step(None)
    (notice,) = watch.heard
    assert dict(notice.annotations)["ended_by"] == "node_ended"
