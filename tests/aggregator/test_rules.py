"""The component of rules: slots, reload, what receivers hear, and what stands behind numbers."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fog_aggregator.components.rules import evaluation
from fog_aggregator.components.rules.coverage import FleetCoverage
from fog_aggregator.components.rules.files import RulesError, parse_labels, read_rules
from fog_aggregator.components.rules.options import RulesOptions
from fog_aggregator.components.rules.partner import names_of
from fog_aggregator.components.rules.status import RulesView
from fog_aggregator.core.saved import Saved
from fog_aggregator.rules.verdicts.coverage import Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_bus.memory import MemoryBus
from fog_testing.waiting import eventually
from tests.aggregator.branch_root import BRANCH, Root, counted
from tests.aggregator.fleet import Fleet
from tests.aggregator.rollups import Reporter
from tests.aggregator.rules import MINUTE, Watched
from tests.aggregator.test_checkpoint import restored, saved
from tests.rules.storing import load_text

HOT = """\
groups:
- name: heat
  rules:
  - alert: Hot
    expr: temp > 5
    annotations: {summary: it is hot}
"""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_LOOK", 0.002)


def write(directory: Path, text: str = HOT, name: str = "rules.yml") -> Path:
    """Write a rule file."""
    file = directory / name
    file.write_text(text)
    return file


@contextlib.asynccontextmanager
async def running(watched: Watched) -> AsyncIterator[Watched]:
    """Run a component while the body does."""
    await watched.rules.start()
    try:
        yield watched
    finally:
        await watched.rules.stop(1.0)


async def minute(watched: Watched, minutes: int = 1) -> None:
    """Let time pass, and wait for the evaluation."""
    before = watched.count("rule_evaluations_total", rule_group="heat")
    watched.conditions.time += minutes * MINUTE
    await eventually(
        lambda: watched.count("rule_evaluations_total", rule_group="heat") > before, what="rules are evaluated"
    )


async def test_rules_are_evaluated_at_slots(tmp_path: Path) -> None:
    """The first lies in the future, none is evaluated twice, and those that were left out are counted."""
    async with running(Watched(MemoryBus(), write(tmp_path))) as watched:
        watched.numbers.set("temp", 9)
        watched.conditions.time += MINUTE - 1
        assert watched.count("rule_evaluations_total", rule_group="heat") == 0
        await minute(watched)
        assert watched.heard.words == ["Hot firing"]
        assert watched.heard.notices[0].starts_at % MINUTE == 0
        await minute(watched, 4)
        assert watched.count("rule_evaluations_total", rule_group="heat") == 2
        assert watched.count("rule_iterations_missed_total") == 3
        assert watched.count("alerts", state="firing") == 1
        assert watched.count("alerts_fired_total") == 1


async def test_a_slot_that_comes_during_a_look_is_not_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look has just missed it, or another group took long: it is due, and not the one after it."""
    monkeypatch.setattr("fog_aggregator.components.rules.evaluation._LOOK", 3600.0)
    watched = Watched(MemoryBus(), write(tmp_path))
    looked_at = watched.conditions.time - 1
    assert watched.rules._until_due(looked_at) == 0.0  # noqa: SLF001
    watched.conditions.time += 90_000
    assert watched.rules._until_due(watched.conditions.time) == 30.0  # noqa: SLF001
    assert watched.rules._until_due(looked_at) < 0  # noqa: SLF001


async def test_an_alert_resolves_for_its_receivers(tmp_path: Path) -> None:
    """And not when the service ends."""
    async with running(Watched(MemoryBus(), write(tmp_path))) as watched:
        watched.numbers.set("temp", 9)
        await minute(watched)
        watched.numbers.set("temp", 1)
        await minute(watched)
        watched.numbers.set("temp", 9)
        await minute(watched)
    assert watched.heard.words == ["Hot firing", "Hot resolved", "Hot firing"]


async def test_what_fired_is_told_when_the_service_is_back(tmp_path: Path) -> None:
    """At once, before anything is evaluated; and that a rule has left its file."""
    async with running(Watched(MemoryBus(), write(tmp_path))) as watched:
        watched.numbers.set("temp", 9)
        await minute(watched)
    saved = watched.rules.set.image()
    again = Watched(MemoryBus(), write(tmp_path))
    again.conditions.time += 40 * MINUTE
    again.conditions.reason = "not ready"
    again.rules.set.restore(Saved(saved.plain))
    async with running(again):
        assert again.heard.words == ["Hot firing"]
        assert again.heard.notices[0].ends_at == again.conditions.time + 15 * MINUTE
        await minute(again)
        assert RulesView(again.rules.set).alerts()[0].annotations["no_data"].endswith(", not ready")
    other = Watched(MemoryBus(), write(tmp_path, HOT.replace("Hot", "Cold")))
    other.rules.set.restore(Saved(saved.plain))
    async with running(other):
        assert other.heard.words == ["Hot resolved"]


async def test_a_reload_swaps_all_rules_or_none(tmp_path: Path) -> None:
    """A bad file keeps the old ones; what is wrong is said, and counted."""
    file = write(tmp_path)
    async with running(Watched(MemoryBus(), file)) as watched:
        watched.numbers.set("temp", 9)
        await minute(watched)
        file.write_text(HOT.replace("temp > 5", "temp >"))
        problem = await watched.rules.reload()
        assert "rules.yml" in problem
        assert 'group "heat", rule 1, "Hot"' in problem
        await minute(watched)
        assert watched.heard.words == ["Hot firing"] * 2
        file.write_text(HOT.replace("alert: Hot", "alert: Warm"))
        assert await watched.rules.reload() == ""
        assert watched.heard.words[2:] == ["Hot resolved"]
        assert dict(watched.heard.notices[2].annotations)["ended_by"] == "rule_removed"
        await minute(watched)
        await minute(watched)
        assert watched.heard.words[3:] == ["Warm firing"] * 2
    assert watched.count("rule_reloads_total", result="failed") == 1
    assert watched.count("rule_reloads_total", result="reloaded") == 1


async def test_two_aggregators_agree_that_an_alert_is_over(tmp_path: Path) -> None:
    """The one that sees it fire wins, until it sees it no more, or is silent itself."""
    bus, file = MemoryBus(), write(tmp_path)
    async with running(Watched(bus, file)) as one, running(Watched(bus, file)) as other:
        for watched in (one, other):
            watched.numbers.set("temp", 9)
            await minute(watched)
        one.numbers.set("temp", 1)
        await minute(one)
        await minute(other)
        assert one.heard.words == ["Hot firing"] * 2
        assert one.count("alerts", state="held") == 1
        other.numbers.set("temp", 1)
        await minute(other)
        await minute(one)
        assert [watched.heard.words[-1] for watched in (one, other)] == ["Hot resolved"] * 2


async def test_one_that_returns_asks_what_is_over(tmp_path: Path) -> None:
    """Before it tells anything: an alert that ended meanwhile is not told to fire."""
    bus, file = MemoryBus(), write(tmp_path)
    async with running(Watched(bus, file)) as one:
        async with running(Watched(bus, file)) as other:
            for watched in (one, other):
                watched.numbers.set("temp", 9)
                await minute(watched)
            await eventually(lambda: other.partner.is_known, what="it has heard the other one")
        rules, partner = other.rules.set.image(), other.partner.image()
        one.numbers.set("temp", 1)
        await minute(one, 5)
        assert one.heard.words == ["Hot firing", "Hot resolved"]
        again = Watched(bus, file)
        again.conditions.time += 6 * MINUTE
        again.rules.set.restore(Saved(rules.plain))
        again.partner.restore(Saved(partner.plain))
        async with running(again):
            assert not again.heard.begun
            await eventually(lambda: again.heard.begun, what="it was answered")
        assert again.heard.words == ["Hot resolved"]
        assert again.heard.notices[0].ends_at == one.heard.notices[1].ends_at


async def test_one_that_is_not_answered_tells_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interval, or ten seconds if that is less; the next time it does not wait."""
    monkeypatch.setattr(evaluation, "_LONGEST_QUESTION", 0.05)
    async with running(Watched(MemoryBus(), write(tmp_path))) as watched:
        watched.numbers.set("temp", 9)
        await minute(watched)
    again = Watched(MemoryBus(), write(tmp_path))
    again.rules.set.restore(Saved(watched.rules.set.image().plain))
    again.partner.restore(Saved({"is_known": True}))
    async with running(again):
        assert again.heard.words == []
        await eventually(lambda: again.heard.begun, what="it has waited for long enough")
        assert again.heard.words == ["Hot firing"]
        assert again.partner.image().plain == {"is_known": False}


async def test_a_clock_that_is_wrong_is_complained_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And what it says of alerts does not count."""
    bus, file = MemoryBus(), write(tmp_path)
    async with running(Watched(bus, file)) as one, running(Watched(bus, file)) as other:
        other.conditions.time += 60 * MINUTE
        for watched in (one, other):
            watched.numbers.set("temp", 9)
            await minute(watched)
        one.numbers.set("temp", 1)
        await minute(one)
    assert one.heard.words == ["Hot firing", "Hot resolved"]
    assert re.search(
        r"has no say in alerts: its clock, or the time of its server, is 3[56]\d0 s before ours", caplog.text
    )


def test_groups_have_the_same_names_wherever_their_files_are() -> None:
    """And two of one name in two files of one name have different ones."""

    def names(*files: str) -> list[str]:
        groups = [replace(load_text(HOT).groups[0], file=file) for file in files]
        return list(names_of(groups).values())

    assert names("/etc/fog/rules.yml", "default") == ["rules.yml/heat", "default/heat"]
    assert names("/etc/fog/a/x.yml", "/etc/fog/b/x.yml") == ["a/x.yml/heat", "b/x.yml/heat"]
    assert names("/opt/a/x.yml", "/opt/b/x.yml") == names("a/x.yml", "b/x.yml") == ["a/x.yml/heat", "b/x.yml/heat"]
    assert names("/etc/x.yml", "/etc/more/x.yml") == names("x.yml", "more/x.yml") == ["x.yml/heat", "more/x.yml/heat"]
    assert names("x.yml", "/etc/x.yml") == ["x.yml/heat", "/etc/x.yml/heat"]
    assert names() == []


async def test_rules_that_fail_are_counted(tmp_path: Path) -> None:
    """By their group; the alert is held."""
    file = write(tmp_path, HOT.replace("temp > 5", "temp + on () other > 5"))
    async with running(Watched(MemoryBus(), file)) as watched:
        watched.numbers.set("temp", 9)
        watched.numbers.set("other", 1)
        await minute(watched)
        watched.numbers.set("other", 1, a="b")
        await minute(watched)
        assert watched.count("rule_failures_total", rule_group="heat") == 1
        assert watched.count("alerts", state="held") == 1
        (group,) = RulesView(watched.rules.set).rules()
        assert group.rules[0].health == "err"
        assert group.rules[0].last_error


async def test_without_a_past_only_the_present_is_judged(tmp_path: Path) -> None:
    """A rule that looks back waits until numbers are kept for so long."""
    watched = Watched(MemoryBus(), write(tmp_path, HOT.replace("temp > 5", "absent_over_time(temp[5m])")))
    watched.conditions.since = None
    async with running(watched):
        await minute(watched)
        assert watched.heard.notices == []
        watched.conditions.since = 0
        await minute(watched)
        assert watched.heard.words == ["Hot firing"]


def test_files_are_read_by_name_and_by_pattern(tmp_path: Path) -> None:
    """Each once; every problem is told."""
    first, second = write(tmp_path, name="a.yml"), write(tmp_path, name="b.yml")
    files = read_rules([str(tmp_path / "*.yml"), str(first)], MINUTE)
    assert [file.file for file in files] == [str(first), str(second)]
    second.write_text(HOT.replace("temp > 5", "rate(temp[5m]) > 5"))
    first.write_text("groups: 7")
    with pytest.raises(RulesError) as caught:
        read_rules([str(first), str(second), str(tmp_path / "c.yml"), str(tmp_path / "*.rules")], MINUTE)
    lines = str(caught.value).splitlines()
    assert any("it looks back 300 s, and numbers are kept for 60 s: set --history-retention" in line for line in lines)
    assert any("c.yml: cannot be read: No such file or directory" in line for line in lines)
    assert any("*.rules: no file has such a name" in line for line in lines)
    assert any(line.startswith(f"{first}: ") for line in lines), lines


def test_labels_are_pairs() -> None:
    """Names as Prometheus has them."""
    assert parse_labels(["site=north", "a=b=c", "none="]) == (("a", "b=c"), ("site", "north"))
    with pytest.raises(RulesError, match="write NAME=VALUE"):
        parse_labels(["1site=x"])


def fleet_of_four() -> Fleet:
    """Make a fleet with two nodes that have `temp`."""
    fleet = Fleet()
    for path in ("fog/0/1", "fog/0/2", "fog/1/1", "fog/1/2"):
        collector = fleet.join(path).collector
        collector.register_gauge("temp" if path.startswith("fog/0") else "other", "A gauge").set(1)
    fleet.send()
    return fleet


def test_a_label_that_tells_a_pair_apart_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """With it each alert of a pair would be two; the log says so."""
    options = RulesOptions(external_labels=("site=a", "replica=b"))
    assert evaluation.labels_of_process(options) == (("site", "a"),)
    assert "the label replica is left out" in caplog.text


def test_coverage_is_of_the_nodes_that_have_a_metric() -> None:
    """In the part of the tree that is asked for; silent ones among them."""
    fleet = fleet_of_four()
    live: dict[tuple[str, ...], Fate] = {("fog", "0", "1"): Fate.LIVE, ("fog", "0", "2"): Fate.LIVE}
    names = frozenset({"temp"})
    assert FleetCoverage(fleet.network, 7.0).standing(Scope(names=names)) == Standing(2, 0, 0, live)
    fleet.now += 60
    for member in fleet.members[1:]:
        member.send()
    coverage = FleetCoverage(fleet.network, 7.0)
    assert coverage.horizon == 7000
    assert coverage.standing(Scope(names=names)) == Standing(1, 1, 0, live | {("fog", "0", "1"): Fate.SILENT})
    assert coverage.standing(Scope()).silent == 1
    assert coverage.standing(Scope(("fog", "1"))) == coverage.standing(Scope(("fog", "1"), names=frozenset({"other"})))
    assert coverage.standing(Scope(("fog", "1"), names=names)) == Standing()
    assert coverage.standing(Scope(("fog", "0", "1"), own=True)).silent == 1
    assert coverage.standing(Scope(("fog", "0"), own=True)) == Standing()
    fates = [coverage.fate(path) for path in (("fog", "0", "1"), ("fog", "1", "1"), ("fog", "9"))]
    assert fates == [Fate.SILENT, Fate.LIVE, Fate.GONE]


def test_a_silent_node_that_comes_and_goes_has_ended() -> None:
    """It says so in its frames, and a checkpoint remembers it; until it is silent it lives."""
    fleet = Fleet()
    fleet.join("fog/0", ephemeral=True)
    fleet.join("fog/1")
    fleet.send()
    assert FleetCoverage(fleet.network, 7.0).standing(Scope()).live == 2
    before = saved(fleet.state, fleet.events, fleet.network.ratchet)
    fleet.network.adopt(*restored(before))
    fleet.now += 60
    standing = FleetCoverage(fleet.network, 7.0).standing(Scope())
    assert standing == Standing(0, 1, 1, {("fog", "1"): Fate.SILENT})


def test_nodes_of_a_branch_are_as_it_says() -> None:
    """Silent are those that it does not hear, and all when it is not heard itself; missing ones were never heard."""
    root = Root()
    root.hear(Reporter(1).keyframe(counted(5)))
    assert FleetCoverage(root.network, 7.0).standing(Scope(BRANCH)) == Standing(3, 3, 4, None)
    root.now += 31
    assert FleetCoverage(root.network, 7.0).standing(Scope()) == Standing(0, 6, 4, None)


def test_many_nodes_are_a_number() -> None:
    """More than 64 are not listed."""
    fleet = Fleet()
    for number in range(65):
        fleet.join(f"fog/{number}")
    fleet.send()
    assert FleetCoverage(fleet.network, 7.0).standing(Scope()) == Standing(65, 0, 0, None)
