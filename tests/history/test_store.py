"""A history returns what it was given, within its memory, and a stale marker where a series ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fog_aggregator.history.step import WHOLE, Depth
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.promql.labels import Matcher, MatchKind
from tests.examples import examples
from tests.history.building import STEP, Numbers, Tables, expected, labels_of, samples

SERIES = [f"work_total/node={node}" for node in "abc"] + [f"size/node={node}" for node in "abc"]
STEPS = st.lists(
    st.none() | st.dictionaries(st.sampled_from(SERIES), st.integers(0, 2**60) | st.floats(0, 1e9)), max_size=40
)


def filled(limits: HistoryLimits, steps: list[Mapping[Depth, Numbers]], tables: Tables | None = None) -> HistoryStore:
    """Return a history of these steps, from STEP on."""
    store, tables = HistoryStore(limits), tables or Tables()
    for number, levels in enumerate(steps, 1):
        store.append(tables.step(number * STEP, levels))
        if store.is_full:
            store.adopt(store.encode_head())
    return store


def equal(name: str, value: str) -> Matcher:
    """Return a matcher by equality."""
    return Matcher(MatchKind.EQUAL, name, value)


@settings(max_examples=examples(150))
@given(STEPS, st.sets(st.integers(0, 40)), st.integers(0, 41), st.integers(0, 41))
def test_what_was_appended_is_found(steps: list[Numbers | None], sealed: set[int], low: int, high: int) -> None:
    """Series come, go and come again, change their form, levels are kept or not, blocks end anywhere."""
    store, tables = HistoryStore(HistoryLimits()), Tables()
    given_steps: list[tuple[int, Numbers | None]] = []
    for number, numbers in enumerate(steps):
        store.append(tables.step(number * STEP, {} if numbers is None else {0: numbers}))
        given_steps.append((number * STEP, numbers))
        if number in sealed:
            store.adopt(store.encode_head())
    start, end = sorted((low * STEP, high * STEP))
    found = samples(store.find(0, [], start, end))
    assert found == _forgiving(expected(given_steps, start, end), found)


def _forgiving(wanted: dict[Any, Any], found: dict[Any, Any]) -> dict[Any, Any]:
    """Let a counter with fractions stand where it would fall by a last digit alone."""
    for labels, pairs in wanted.items():
        for place, (time, value) in enumerate(pairs):
            got = found.get(labels, [(0, None)] * 99)[place][1]
            if isinstance(value, float) and isinstance(got, float) and 0 <= got - value <= 1e-9 * got:
                pairs[place] = (time, got)
    return wanted


def test_matchers_choose_series() -> None:
    """All four kinds of matchers, an absent label among them, choose as they do in Prometheus."""
    store = filled(HistoryLimits(), [{WHOLE: {"a_total/x=1": 1, "a_total/x=2": 2, "b_total/y=1": 3}}])

    def names(*matchers: Matcher) -> list[str]:
        return [dict(one)["__name__"] + dict(one).get("x", "") for one in store.find(WHOLE, matchers, 0, 9**9).labels]

    assert names(equal("__name__", "a_total")) == ["a_total1", "a_total2"]
    assert names(equal("x", "2")) == ["a_total2"]
    assert names(equal("x", "")) == ["b_total"]
    assert names(Matcher(MatchKind.NOT_EQUAL, "x", "1")) == ["a_total2", "b_total"]
    assert names(Matcher(MatchKind.REGEX, "x", "1|2")) == ["a_total1", "a_total2"]
    assert names(Matcher(MatchKind.NOT_REGEX, "x", "1|")) == ["a_total2"]
    assert names(equal("nothing", "1")) == []
    assert names(equal("nothing", "")) == ["a_total1", "a_total2", "b_total"]


def test_a_step_that_is_not_later_changes_nothing() -> None:
    """A restarted aggregator takes steps again that its history has."""
    store, tables = HistoryStore(HistoryLimits()), Tables()
    assert store.append(tables.step(STEP, {0: {"a_total": 1}}))
    assert not store.append(tables.step(STEP, {0: {"a_total": 2}}))
    assert samples(store.find(0, [], 0, 9**9)) == {labels_of("a_total"): [(STEP, 1.0)]}


def test_a_counter_with_fractions_does_not_fall_by_a_last_digit() -> None:
    """The same fractions added in another order are no reset, across blocks neither; a true fall is one."""
    values = [0.3, 0.1 + 0.2, 0.3, 0.3, 0.2]
    store, tables = HistoryStore(HistoryLimits()), Tables()
    for number, value in enumerate(values):
        store.append(tables.step(number * STEP, {0: {"a_total": value, "gauge": value}}))
        store.adopt(store.encode_head())
    found = samples(store.find(0, [], 0, 9**9))
    assert [value for _, value in found[labels_of("a_total")]] == [0.3, 0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2, 0.2]
    assert [value for _, value in found[labels_of("gauge")]] == values


def test_a_counter_with_fractions_does_not_fall_where_a_block_comes_from_the_disk() -> None:
    """The last values of the newest block go on."""
    older = filled(HistoryLimits(), [{0: {"a_total": 0.1 + 0.2}}])
    block = older.encode_head()
    store, tables = HistoryStore(HistoryLimits()), Tables()
    store.insert(block.times, {0: (older.labels(0), block.levels[0])})
    earlier = filled(HistoryLimits(), [{0: {"a_total": 0.2, "b_total": 1}}])
    oldest = earlier.encode_head()
    store.insert(oldest.times - STEP, {0: (earlier.labels(0), oldest.levels[0])})  # it is the newest that goes on
    assert store.series == {0: 1}
    store.append(tables.step(2 * STEP, {0: {"a_total": 0.3}}))
    found = samples(store.find(0, [], 0, 9**9))
    assert found[labels_of("a_total")] == [(0, 0.2), (STEP, 0.1 + 0.2), (2 * STEP, 0.1 + 0.2)]


def test_a_series_does_not_go_on_from_the_last_value_of_another() -> None:
    """When most series are forgotten the others get other numbers."""
    store, tables = HistoryStore(HistoryLimits(retention=10 * STEP)), Tables()
    store.append(tables.step(STEP, {0: {f"a_total/n={number}": 0.1 + 0.2 for number in range(4)}}))
    store.adopt(store.encode_head())
    for number in (100, 101):
        store.append(tables.step(number * STEP, {0: {"b_total": 0.3}}))
        store.adopt(store.encode_head())
    assert samples(store.find(0, [], 0, 9**9)) == {labels_of("b_total"): [(100 * STEP, 0.3), (101 * STEP, 0.3)]}


def test_a_counter_that_is_born_while_watched_can_begin_at_zero() -> None:
    """Asked for births, it has a zero at the step before; one that is older, or a gauge, has none."""
    young, old = Tables(born=15.0), Tables(born=-1e6)
    for sealed in (False, True):
        store = HistoryStore(HistoryLimits())
        store.append(old.step(STEP, {0: {"first_total": 5}}))
        store.append(young.step(2 * STEP, {0: {"first_total": 6, "young_total": 7, "gauge": 1.0}}))
        if sealed:
            store.adopt(store.encode_head())
        store.append(old.step(3 * STEP, {0: {"first_total": 6, "young_total": 8, "gauge": 1.0, "old_total": 9}}))
        found = samples(store.find(0, [], 0, 9**9), births=True)
        assert found[labels_of("young_total")] == [(STEP, 0.0), (2 * STEP, 7.0), (3 * STEP, 8.0)]
        assert found[labels_of("old_total")] == [(3 * STEP, 9.0)]
        assert found[labels_of("first_total")] == [(STEP, 5.0), (2 * STEP, 6.0), (3 * STEP, 6.0)]
        assert found[labels_of("gauge")] == [(2 * STEP, 1.0), (3 * STEP, 1.0)]
        assert (STEP, 0.0) not in samples(store.find(0, [], 0, 9**9))[labels_of("young_total")]
        late = samples(store.find(0, [], 3 * STEP, 9**9), births=True)
        assert late[labels_of("young_total")] == [(3 * STEP, 8.0)]


@pytest.mark.parametrize(("born", "is_born"), [(9.0, True), (-49.0, True), (-51.0, False)])
def test_a_counter_is_born_that_began_a_minute_before_the_last_step_without_it(born: float, *, is_born: bool) -> None:
    """Its first frame came later than its first count."""
    store, tables = HistoryStore(HistoryLimits()), Tables(born=born)
    store.append(Tables().step(STEP, {0: {"gauge": 1.0}}))
    store.append(tables.step(2 * STEP, {0: {"gauge": 1.0, "young_total": 7}}))
    found = samples(store.find(0, [], 0, 9**9), births=True)[labels_of("young_total")]
    assert found == [(STEP, 0.0)] * is_born + [(2 * STEP, 7.0)]


def test_old_blocks_leave_with_their_series() -> None:
    """Blocks beyond the retention are dropped integer, and the label sets that no block has are forgotten."""
    store = filled(HistoryLimits(retention=100 * STEP), [{0: {f"a_total/n={at // 60}": at}} for at in range(600)])
    assert next(block.span for block in store.take_dropped()) == (STEP, 60 * STEP)
    assert store.take_dropped() == []
    assert store.oldest == 481 * STEP
    assert store.newest == 600 * STEP
    assert len(store.labels(0)) <= 4
    assert list(samples(store.find(0, [], 0, 9**9))) == [labels_of("a_total/n=8"), labels_of("a_total/n=9")]


def test_a_series_with_anothers_number_begins_with_its_own_value() -> None:
    """A history is loaded whose series are mostly gone: a sum is not taken for the one that had its number."""
    store, tables = HistoryStore(HistoryLimits(retention=STEP)), Tables()
    for first, names in ((1, [f"x_total/n={at}" for at in range(9)]), (3, ["x_total/n=1", "new_total"])):
        numbers = {name: 1.5 if name == "new_total" else 1.5 + 1e-9 for name in names}
        part = HistoryStore(HistoryLimits())
        for number in (first, first + 1):
            part.append(tables.step(number * STEP, {0: numbers}))
        block = part.encode_head()
        store.insert(block.times, {0: (part.labels(0), block.levels[0])})
    assert len(store.labels(0)) == 2, "numbers were given out anew"
    store.append(tables.step(5 * STEP, {0: {"x_total/n=1": 1.5 + 1e-9, "new_total": 1.5}}))
    assert samples(store.find(0, [], 5 * STEP, 9**9))[labels_of("new_total")] == [(5 * STEP, 1.5)]


@pytest.mark.parametrize("churn", [1, 30])
def test_the_memory_is_a_limit(churn: int) -> None:
    """However many series come and go, the history never takes more than it may, and has the newest steps."""
    limits, rng, tables = HistoryLimits(memory=2_000_000), np.random.default_rng(1), Tables()
    store, most = HistoryStore(limits), 0
    for number in range(1, 400):
        names = [f"a_total/n={number // churn * 300 + at}" for at in range(300)]
        numbers = dict(zip(names, rng.random(300).tolist(), strict=True))
        store.append(tables.step(number * STEP, {0: numbers}))
        most = max(most, store.bytes)
        if store.is_full:
            store.adopt(store.encode_head())
            most = max(most, store.bytes)
    assert most <= limits.memory
    assert store.steps > 1
    assert store.newest == 399 * STEP
    assert len(store.take_dropped()) > 2


def test_a_block_from_elsewhere_is_put_in_its_place() -> None:
    """Blocks may come later than newer ones, and have their own numbers; one that overlaps is refused."""
    older = filled(HistoryLimits(), [{0: {"a_total": 1, "b_total": 5}}, {0: {"a_total": 2}}])
    store, tables = HistoryStore(HistoryLimits()), Tables()
    store.append(tables.step(3 * STEP, {0: {"c_total": 1, "a_total": 3}}))
    block = older.encode_head()
    labels = [older.labels(0)[number] for number in block.levels[0].numbers.tolist()]
    level = block.levels[0].renumbered(np.arange(2))
    store.insert(block.times, {0: (labels, level)})
    assert samples(store.find(0, [], 0, 9**9)) == {
        labels_of("c_total"): [(3 * STEP, 1.0)],
        labels_of("a_total"): [(STEP, 1.0), (2 * STEP, 2.0), (3 * STEP, 3.0)],
        labels_of("b_total"): [(STEP, 5.0), (2 * STEP, "stale")],
    }
    with pytest.raises(ValueError, match="overlap"):
        store.insert(block.times, {0: (labels, level)})


def test_a_block_that_shares_one_step_is_refused() -> None:
    """With another block, at either end, and with the steps that are in none yet."""
    several = [filled(HistoryLimits(), [{0: {"a_total": 1}}] * steps) for steps in (1, 3)]
    one, three = (store.encode_head() for store in several)
    labels = several[0].labels(0)
    store = HistoryStore(HistoryLimits())
    store.insert(three.times, {0: (labels, three.levels[0])})
    for moved in (0, 2 * STEP):
        with pytest.raises(ValueError, match="overlap"):
            store.insert(one.times + moved, {0: (labels, one.levels[0])})
    store.insert(one.times + 3 * STEP, {0: (labels, one.levels[0])})
    head = HistoryStore(HistoryLimits())
    head.append(Tables().step(3 * STEP, {0: {"a_total": 1}}))
    with pytest.raises(ValueError, match="overlap"):
        head.insert(three.times, {0: (labels, three.levels[0])})


def test_steps_that_have_not_come_are_forgotten() -> None:
    """Blocks that lie before a time stay; the others are let go of, and steps from that time on are taken."""
    store, tables = HistoryStore(HistoryLimits()), Tables()
    for number in (1, 2, 100, 200):
        store.append(tables.step(number * STEP, {WHOLE: {"x_total": number}}))
        if number in (2, 100):
            store.adopt(store.encode_head())
    store.forget_from(3 * STEP)
    assert [block.span for block in store.take_dropped()] == [(100 * STEP, 100 * STEP)]
    assert store.append(tables.step(3 * STEP, {WHOLE: {"x_total": 3}}))
    [found] = samples(store.find(WHOLE, (), 0, 10**9)).values()
    assert found == [(number * STEP, number) for number in (1, 2, 3)]


def test_steps_before_a_clock_that_was_set_back_are_kept() -> None:
    """Steps that are in no block yet become one; series that came later are not part of it."""
    store, tables = HistoryStore(HistoryLimits()), Tables()
    for number in (1, 2):
        store.append(tables.step(number * STEP, {WHOLE: {"x_total": number, "y": 0.5}}))
    store.append(tables.step(100 * STEP, {WHOLE: {"fresh_total": 7, "x_total": 100, "y": 0.7}, 1: {"z": 1.0}}))
    block = store.encode_head(3 * STEP)
    assert block.levels.keys() == {WHOLE}
    store.adopt(block)
    store.forget_from(3 * STEP)
    assert not store.take_dropped()
    assert store.append(tables.step(3 * STEP, {WHOLE: {"x_total": 3}}))
    found = samples(store.find(WHOLE, (), 0, 3 * STEP))
    assert found[labels_of("x_total")] == [(number * STEP, number) for number in (1, 2, 3)]
    assert found[labels_of("y")][:2] == [(STEP, 0.5), (2 * STEP, 0.5)]
    assert labels_of("fresh_total") not in found
