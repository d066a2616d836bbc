"""The life of alerts and the order of rules, as in Prometheus; promtool judges the same things in other tests."""

from __future__ import annotations

import numpy as np

from fog_aggregator.promql.storage import STALE, is_stale
from fog_aggregator.rules import Alert, AlertState, RuleGroupState
from fog_aggregator.rules.alert import RESOLVED_RETENTION
from fog_aggregator.rules.evaluate import health
from tests.rules.storing import MINUTE, Samples, group_state, load_text

HIGH = """\
groups:
- name: g
  rules:
  - {alert: High, expr: load > 5, for: FOR, keep_firing_for: KEEP, labels: {severity: page}}
"""


def high(hold: str = "0s", keep: str = "0s") -> RuleGroupState:
    """Load an alert on `load`."""
    return group_state(HIGH.replace("FOR", hold).replace("KEEP", keep))


def only(state: RuleGroupState) -> Alert | None:
    """Return the one alert there is, None without any."""
    alerts = list(state.rules[0].alerts.values())  # type: ignore[union-attr]
    assert len(alerts) <= 1
    return alerts[0] if alerts else None


def states(state: RuleGroupState, storage: Samples, minutes: int) -> str:
    """Evaluate each minute: a letter for each, of pending, firing, inactive, or a dash for none."""
    letters = ""
    for minute in range(minutes):
        state.evaluate(minute * MINUTE, storage)
        alert = only(state)
        letters += alert.state.value[0] if alert else "-"
    return letters


def load_of(values: str) -> Samples:
    """Store a digit for each minute; a dot is a stale marker."""
    return Samples({"load": {at: STALE if digit == "." else float(digit) for at, digit in enumerate(values)}})


def test_for_is_held_before_firing() -> None:
    """Pending until it has held for `for`; one miss begins again."""
    assert states(high("2m"), load_of("99909999"), 8) == "ppfippff"
    assert states(high(), load_of("0909"), 4) == "-fif"


def test_a_miss_while_pending_forgets() -> None:
    """A pending alert leaves nothing behind."""
    state = high("5m")
    assert states(state, load_of("990"), 3) == "pp-"


def test_keep_firing_for_counts_from_the_first_miss() -> None:
    """And is reset when the expression holds again."""
    assert states(high("0s", "2m"), load_of("9000090090000"), 13) == "fffiiffffffii"


def test_times_and_value_of_an_alert() -> None:
    """Active, fired, resolved; the value is the last that held."""
    state, storage = high("1m"), load_of("7890")
    states(state, storage, 2)
    alert = only(state)
    assert alert is not None
    assert (alert.active_at, alert.fired_at, alert.value) == (0, MINUTE, 8.0)
    state.evaluate(3 * MINUTE, storage)
    alert = only(state)
    assert alert is not None
    assert (alert.state, alert.resolved_at, alert.value) == (AlertState.INACTIVE, 3 * MINUTE, 8.0)
    assert alert.labels == (("alertname", "High"), ("severity", "page"))


def test_a_resolved_alert_is_remembered_for_a_quarter_of_an_hour() -> None:
    """And begins anew when it comes back."""
    state, storage = high("1m"), load_of("990")
    states(state, storage, 3)
    state.evaluate(2 * MINUTE + RESOLVED_RETENTION, storage)
    assert only(state) is not None
    state.evaluate(2 * MINUTE + RESOLVED_RETENTION + 1, storage)
    assert only(state) is None
    state, storage = high("1m"), load_of("9909")
    states(state, storage, 4)
    alert = only(state)
    assert alert is not None
    assert (alert.state, alert.active_at, alert.fired_at) == (AlertState.PENDING, 3 * MINUTE, None)


def test_series_of_alerts() -> None:
    """Pending and firing have their series, and these end with the alert."""
    state, storage = high("1m"), load_of("990")
    states(state, storage, 3)
    pending, firing = (f'{{alertname="High", alertstate="{one}", severity="page"}}' for one in ("pending", "firing"))
    assert storage.at("ALERTS", 0) == {pending: 1.0}
    now = storage.at("ALERTS", MINUTE)
    assert now[firing] == 1.0
    assert is_stale(np.array([now[pending]])).all()
    assert is_stale(np.array([*storage.at("ALERTS", 2 * MINUTE).values()])).all()
    storage = load_of("0999")
    states(high("1m"), storage, 4)
    assert storage.at("ALERTS_FOR_STATE", 3 * MINUTE) == {'{alertname="High", severity="page"}': 60.0}


def test_rules_see_what_earlier_ones_wrote() -> None:
    """At the same time."""
    text = """\
groups:
- name: g
  rules:
  - {record: a, expr: load * 2, labels: {made: "yes", drop: ""}}
  - {record: b, expr: a + 1}
  - {alert: B, expr: b > 10}
"""
    state, storage = group_state(text), load_of("5")
    result = state.evaluate(0, storage)
    assert storage.at("a", 0) == {'{made="yes"}': 10.0}
    assert storage.at("b", 0) == {'{made="yes"}': 11.0}
    assert (result.samples, result.problems) == (4, ())
    ((rule, (alert,)),) = result.alerts
    assert (rule.name, alert.labels) == ("B", (("alertname", "B"), ("made", "yes")))


def test_a_recorded_series_ends_with_its_source() -> None:
    """A stale marker follows its last sample, once."""
    state, storage = group_state("groups: [{name: g, rules: [{record: a, expr: load}]}]"), load_of("1..")
    for minute in range(3):
        state.evaluate(minute * MINUTE, storage)
    assert storage.at("a", 0) == {"{}": 1.0}
    assert is_stale(np.array([*storage.at("a", MINUTE).values()])).all()
    assert storage.at("a", 2 * MINUTE) == {}


def test_a_failing_rule_does_not_stop_the_group() -> None:
    """It keeps its alerts and says why; the others go on."""
    text = """\
groups:
- name: g
  rules:
  - {alert: A, expr: load > 5}
  - {record: late, expr: load}
"""
    state, storage = group_state(text), load_of("99")
    storage.put("load", MINUTE, 9.0, a="1")
    storage.put("load", MINUTE, 9.0, a="1", alertname="x")
    state.evaluate(0, storage)
    result = state.evaluate(MINUTE, storage)
    (problem,) = result.problems
    assert (problem.number, problem.name) == (1, "A")
    assert problem.text == "vector contains metrics with the same labelset after applying alert labels"
    assert [alert.state for alert in result.alerts[0][1]] == [AlertState.FIRING]
    assert tuple(health(one).value for one in state.rules) == ("err", "ok")
    assert len(storage.at("late", MINUTE)) == 3


def test_limits_and_repeated_series_are_errors() -> None:
    """In Prometheus' words."""
    text = """\
groups:
- name: g
  limit: 1
  rules:
  - {alert: A, expr: load}
  - {record: a, expr: load}
  - {record: b, expr: load, labels: {a: same}}
  - {record: c, expr: "load[5m]"}
  - {record: d, expr: "'text'"}
"""
    state, storage = group_state(text), Samples()
    storage.put("load", 0, 1.0, a="1")
    storage.put("load", 0, 1.0, a="2")
    assert [problem.text for problem in state.evaluate(0, storage).problems] == [
        "exceeded limit of 1 with 2 alerts",
        "exceeded limit of 1 with 2 series",
        "vector contains metrics with the same labelset after applying rule labels",
        "rule result is not a vector or scalar",
        "rule result is not a vector or scalar",
    ]


def test_query_offset_is_of_queries_and_samples_alone() -> None:
    """Alerts know the time of the evaluation."""
    state = group_state(
        "groups: [{name: g, query_offset: 1m, rules: [{alert: A, expr: load > 5}, {record: a, expr: load}]}]"
    )
    storage = load_of("90")
    result = state.evaluate(MINUTE, storage)
    assert storage.at("a", 0) == {"{}": 9.0}
    assert [alert.active_at for alert in result.alerts[0][1]] == [MINUTE]
    assert storage.at("ALERTS_FOR_STATE", 0) == {'{alertname="A"}': 60.0}


def test_what_cannot_be_stored_is_an_error_of_the_rule() -> None:
    """As is a second value for the same time."""
    state, storage = group_state("groups: [{name: g, rules: [{record: a, expr: load}]}]"), load_of("1")
    storage.refuse = "duplicate sample for timestamp"
    assert [problem.text for problem in state.evaluate(0, storage).problems] == [storage.refuse]


def test_a_scalar_is_a_series_without_labels() -> None:
    """And an empty file has nothing to evaluate."""
    state, storage = group_state("groups: [{name: g, rules: [{record: a, expr: 1 + 1}]}]"), Samples()
    state.evaluate(0, storage)
    assert storage.at("a", 0) == {"{}": 2.0}
    assert load_text("").groups == ()
