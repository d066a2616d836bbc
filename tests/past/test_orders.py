"""Ask for the past where an operator has taken paths out of the numbers, or had nodes forgotten."""

from __future__ import annotations

import pytest

from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.past.anchor import constants
from fog_aggregator.past.answer import Answer, make_answer
from fog_aggregator.past.replay import Question, Replay
from fog_aggregator.query.selection import Selection
from fog_schema.paths import Path, parse_path
from tests.aggregator.fleet import START
from tests.past.history import SUBJECTS, StoredFleet, at

NODE = parse_path("fog/0/3")
SUBTREE = parse_path("fog/0")


def ask(fleet: StoredFleet, path: Path, *, own: bool) -> Answer:
    """Ask for all that was, as an aggregator does that knows the orders."""
    question = Question(path, own, START, stored_since=START, orders=fleet.state.quarantine.done)
    replay = Replay(question, SUBJECTS)
    replay.take(fleet.of(path, own=own))
    replay.finish(fleet.now)
    view = fleet.network.view(Selection(path, own=own))
    found = constants(view.totals(), view.shown, replay.totals())
    return make_answer(replay, found, (), own=own)


def steps(answer: Answer, seconds: float) -> float | None:
    """Return what was counted at a moment."""
    found = {dict(labels)["__name__"]: value for labels, value in at(answer, round((START + seconds) * 1000)).items()}
    return found.get("steps_total")


class Counting:
    """Two nodes that count one each ten seconds, and an operator; what they send while one is out is not read."""

    def __init__(self) -> None:
        self.fleet = StoredFleet()
        self.members = [self.fleet.join(f"fog/0/{number}") for number in (3, 4)]
        self.counters = [member.collector.register_counter("steps_total") for member in self.members]

    def order(self, *, out: bool) -> None:
        """Take the first node out, or in again."""
        self.fleet.state.order(NODE, Order(self.fleet.now + 1, out))
        self.fleet.state.settle_orders(self.fleet.now + 2)

    def run(self, rounds: int, *, unread: bool = False) -> None:
        """Let time pass."""
        for _ in range(rounds):
            self.fleet.now += 10.0
            for member, counter in zip(self.members, self.counters, strict=True):
                counter.increment()
                state = self.fleet.state
                if unread and member.path == NODE:
                    self.fleet.state = type(state)()  # another one hears it
                member.send()
                self.fleet.state = state


def test_what_is_out_is_in_no_total_from_its_order_on() -> None:
    """Before the order it is, and after the lift again; no count is negative, and frames of meanwhile are not read."""
    case = Counting()
    case.run(10)
    case.order(out=True)
    case.run(10, unread=True)
    during = ask(case.fleet, SUBTREE, own=False)
    assert (steps(during, 60), steps(during, 100), steps(during, 150), steps(during, 200)) == (12, 20, 15, 20)
    assert (steps(ask(case.fleet, NODE, own=True), 60), steps(ask(case.fleet, NODE, own=True), 150)) == (6, None)
    case.order(out=False)
    case.members[0].writer.request_keyframe()
    case.run(10)
    after = ask(case.fleet, SUBTREE, own=False)
    assert (steps(after, 60), steps(after, 150), steps(after, 300)) == (12, 15, 60)


@pytest.mark.parametrize("path", [NODE, SUBTREE])
def test_no_count_of_a_forgotten_node_is_negative(path: Path) -> None:
    """It has less now than was replayed: what it had counted before is in the group of the forgotten."""
    case = Counting()
    case.run(10)
    case.fleet.now += 7200.0
    assert NODE in case.fleet.state.forget(NODE, case.fleet.now, 3600.0)
    case.run(1)
    answer = ask(case.fleet, path, own=path == NODE)
    nodes = 1 if path == NODE else 2
    assert (steps(answer, 10), steps(answer, 100)) == (nodes, 10 * nodes)
