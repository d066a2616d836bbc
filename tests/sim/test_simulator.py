"""The simulator in short: histories that must hold, rules whose absence must show, and its own honesty."""

from __future__ import annotations

import pytest

from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_bus.memory import MemoryStream
from fog_proving import kernels
from fog_proving.sim.__main__ import main
from fog_proving.sim.books import Books, Cell
from fog_proving.sim.bus import OF_STREAMS, Stream
from fog_proving.sim.mutations import MUTATIONS
from fog_proving.sim.run import history, run, trace
from fog_proving.sim.steps import FAULTS, ORDERS, ORDINARY, TIERED, Step, shorten
from fog_proving.sim.tiers import OF_TIERS
from fog_proving.sim.world import OF_PROGRAMS, WAITS, World

SEED = 2
CLEAN = 60


@pytest.mark.parametrize("sixth", range(6))
def test_no_promise_is_broken(sixth: int) -> None:
    """Some of the histories that `make sim` runs by the thousand."""
    for number in range(sixth * 10, (sixth + 1) * 10):
        why = run(history(SEED, number))
        assert not why, f"{why}: make sim ARGS='--seed {SEED} --history {number}'"


@pytest.mark.parametrize("half", range(2))
def test_no_promise_is_broken_by_kernels(half: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same where numba is installed, with kernels that merge what is plain; other histories than those."""
    monkeypatch.setattr(kernels, "KERNELS", load(Choice.AUTO))
    for number in range(CLEAN + half * 10, CLEAN + half * 10 + 10):
        why = run(history(SEED, number))
        assert not why, f"{why}: FOG_KERNELS=auto make sim ARGS='--seed {SEED} --history {number}'"


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("no-seq-check", SEED),
        ("histograms-in-pieces", SEED),
        ("no-origins", SEED),
        ("no-closed-total", SEED),
        ("no-short-tombstone", 6),
        ("all-show-gauges", 1),
        ("replicas-added-up", SEED),
        ("unheard-replica-shown", SEED),
    ],
)
def test_a_rule_left_out_is_caught(name: str, seed: int) -> None:
    """The rules whose absence shows soonest, with a seed that shows it soon; docs/simulation.md has all of them."""
    assert any(run(history(seed, number), name) for number in range(60)), MUTATIONS[name].rule


def test_a_history_is_the_same_each_time() -> None:
    """From its seed and number alone, to the last line of its trace."""
    assert history(1, 7) == history(1, 7) != history(1, 8)
    assert list(trace(history(1, 7))) == list(trace(history(1, 7)))


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_a_mutation_replaces_is_there(name: str) -> None:
    """A rule may have moved: then its mutation leaves nothing out."""
    with MUTATIONS[name].applied():
        pass


def test_mutations_leave_no_trace() -> None:
    """After a history without a rule the rule is back."""
    number = next(number for number in range(60) if run(history(SEED, number), "no-seq-check"))
    assert not run(history(SEED, number))


def test_a_failing_history_becomes_short() -> None:
    """The short history fails, and no step of it can be left out; here: a program that counts, and is killed."""
    number = next(number for number in range(60) if run(history(SEED, number), "no-closed-total"))
    steps = shorten(history(SEED, number), lambda steps: bool(run(steps, "no-closed-total")))
    assert run(steps, "no-closed-total")
    for place in range(len(steps)):
        assert not run(steps[:place] + steps[place + 1 :], "no-closed-total")
    assert {"spawn", "count", "kill"} <= {step.kind for step in steps}


def test_the_command_says_how_to_see_it_again(capsys: pytest.CaptureFixture[str]) -> None:
    """A broken promise ends with 1, the steps that are needed, and the command that replays it."""
    assert main(["--histories", "60", "--seed", str(SEED), "--mutation", "no-closed-total", "--jobs", "1"]) == 1
    said = capsys.readouterr().out
    assert "Step(kind='spawn'" in said
    assert "--trace --mutation no-closed-total" in said
    assert main(["--histories", "3", "--jobs", "1"]) == 0
    assert "no promise was broken" in capsys.readouterr().out


def test_every_kind_of_step_is_drawn_and_done() -> None:
    """No step can be drawn that nobody knows, and none is known that is never drawn."""
    kinds = {step.kind for number in range(60) for step in history(SEED, number)}
    assert kinds == {
        *ORDINARY,
        *(kind for kinds in FAULTS for kind in kinds),
        *TIERED,
        *ORDERS,
        "fog",
        "tiers",
        "clock",
        "begin_anew",
    }
    assert {*OF_PROGRAMS, *OF_STREAMS, *OF_TIERS, *WAITS} <= kinds
    for kind in sorted(kinds):
        World().do(Step(kind))


def test_the_books_know_every_ancestor() -> None:
    """A count at a path counts at each path above it, and at the root."""
    books, cell = Books(), Cell("a_total", ())
    books.count(("f", "0"), cell, 2)
    books.count(("f",), cell, 0.5)
    assert {path: cells[cell] for path, cells in books.truth.items()} == {(): 2.5, ("f",): 2.5, ("f", "0"): 2}
    assert books.slack(cell, 1.0) > 0
    assert books.slack(Cell("b_total", ()), 1.0) == 0


def test_an_image_from_before_a_series_is_not_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read after the series it would count this one twice, which no promise excludes; else no promise is broken."""
    steps = [
        *(Step("spawn", 0, 1), Step("count", 0, 1), Step("beat"), Step("snapshot", 0, 1), Step("count")),
        *(Step("spawn", 0, 1), Step("copy"), Step("lose"), Step("crash"), Step("beat"), Step("put_back")),
    ]
    assert not run(steps)
    monkeypatch.setattr(Stream, "put_back", MemoryStream.put_back)
    assert run(steps) == "f/0: whole_total is exported as 2, but 1 were counted"
