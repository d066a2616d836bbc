"""Histories of an operator's orders: whoever reads one has the same, and nothing is lost or there twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fog_schema.commands import LIFT, QUARANTINE
from fog_schema.paths import format_path, parse_path
from tests.aggregator.quarantined import Fog
from tests.examples import examples

NODES = ("fog/0/1", "fog/0/2", "fog/1")


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, str, int]]:
    """Draw frames of three nodes and orders about them and the paths above, an eighth of a second apart."""
    kinds = st.sampled_from(("delta", "delta", "keyframe", "final", "out", "in"))
    places = st.sampled_from((*NODES, "fog/0", "fog"))
    return draw(st.lists(st.tuples(kinds, places, st.integers(1, 3)), max_size=24))


def written(
    history: list[tuple[str, str, int]],
) -> tuple[list[tuple[float, tuple[Any, ...]]], list[tuple[float, int, str]]]:
    """Turn a history into the frames of honest writers and the orders, each with its time."""
    counted, seqs, epochs = dict.fromkeys(NODES, 0), dict.fromkeys(NODES, 0), dict.fromkeys(NODES, 1)
    frames, orders = [], []
    for step, (kind, place, number) in enumerate(history, 1):
        at = step / 8  # all within STEP_SECONDS: commands that are read first are of no later time than can be (R12.55)
        if kind in {"out", "in"}:
            orders.append((at, QUARANTINE if kind == "out" else LIFT, place))
            continue
        node = place if place in counted else NODES[number % 3]
        seqs[node] += 1
        counted[node] += number
        delta, final = kind == "delta" and seqs[node] > 1, kind == "final"
        frames.append((at, (node, seqs[node], at, number if delta else counted[node], delta, epochs[node], final)))
        if final:
            epochs[node], seqs[node], counted[node] = epochs[node] + 1, 0, 0
    return frames, orders


def heard_by(history: list[tuple[str, str, int]], *, commands_first: bool) -> Fog:
    """Let an engine read a history: message by message, or all commands before anything else."""
    fog = Fog()
    frames, orders = written(history)
    merged = [(at, (1, frame)) for at, frame in frames]
    merged += [(0 if commands_first else at, (0, (at, command, place))) for at, command, place in orders]
    for _, (is_frame, what) in sorted(merged, key=lambda one: one[0]):
        if is_frame:
            node, seq, at, count, delta, epoch, final = what
            fog.frame(node, seq, at, count, delta=delta, epoch=epoch, final=final)
        else:
            at, command, place = what
            fog.say(command, place, at)
    fog.pass_to(len(history) + 1)
    return fog


@settings(max_examples=examples(80), deadline=None)
@given(histories())
def test_whoever_reads_it_has_the_same(history: list[tuple[str, str, int]]) -> None:
    """A replay that reads all commands first agrees with a reader that read them as they came, node by node."""
    one, other = heard_by(history, commands_first=False), heard_by(history, commands_first=True)
    for fog in (one, other):
        assert fog.engine.fleet.quarantine.in_force == one.engine.fleet.quarantine.in_force
        for node in NODES:
            assert fog.value(path=node) == one.value(path=node)


@settings(max_examples=examples(80), deadline=None)
@given(histories())
def test_what_is_out_is_in_no_total_and_all_is_back_in_the_end(history: list[tuple[str, str, int]]) -> None:
    """A total is the sum of those that are not out; when all are lifted and have sent a keyframe, all is there."""
    fog = heard_by(history, commands_first=False)
    fleet, end = fog.engine.fleet, len(history) + 10
    shown = [fog.value(path=node) for node in NODES]
    out = [fleet.quarantine.over(parse_path(node)) is not None for node in NODES]
    assert all(value is None for value, is_out in zip(shown, out, strict=True) if is_out)
    assert (fog.value() or 0) == sum(value or 0 for value in shown)
    for path in list(fleet.quarantine.in_force):
        fog.say(LIFT, format_path(path), end)
    fog.pass_to(end + 1)
    for node in NODES:
        fog.frame(node, 1000, end + 2, 50, epoch=1000)
    assert fog.value() >= 150
    assert sum(fog.value(path=node) for node in NODES) == fog.value()
