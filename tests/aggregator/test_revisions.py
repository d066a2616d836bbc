"""The two aggregators of a pair agree on what was ordered, and each tier above follows each order (SPEC.md, R13.17)."""

from __future__ import annotations

import pytest

from fog_aggregator.components.checkpoints.resumption import resume
from fog_aggregator.core.commands.own_origin import OwnOrigin
from fog_aggregator.core.commands.revisions import Revisions
from fog_aggregator.core.places.limits import MOST_REVISED, MOST_REVISION
from fog_aggregator.core.places.origin import Origin
from fog_aggregator.core.quarantine.orders import Order, Quarantine, Taken
from fog_aggregator.core.quarantine.read_orders import MOST_READ, ReadOrders
from fog_aggregator.core.quarantine.stamps import OrderStamps
from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.query.ratchet import Ratchet
from fog_bus.ports import Message
from fog_schema.commands import LIFT, QUARANTINE, Command, encode_command
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.branch_root import BRANCH, Root, counted
from tests.aggregator.rollups import Reporter
from tests.aggregator.test_commands import NOON, Reading, info

NODE = ("fog", "0", "3")
HOUR = 3600.0


class Member(Reading):
    """An aggregator that reads orders of a server whose clock steps."""

    def __init__(self, path: Path = (), branches: tuple[Path, ...] = ()) -> None:
        super().__init__(path, branches)
        self.now = 0.0
        self._began = False

    def pass_to(self, until: float, ahead: float) -> None:
        """Let seconds pass by the server's clock, which is so far ahead."""
        while self.now < until:
            self.now += 1.0
            for cursor in self.engine.cursors.values():
                here = info(cursor.seq, NOON + ahead + self.now)
                if not self._began:
                    cursor.begin(info(0, NOON + ahead + self.now), self.now)
                cursor.look(here, self.now)
            self._began = True
            self.engine.tick(self.now)

    def hear(self, *orders: Message) -> None:
        """Read orders now."""
        self.engine.on_batch("C", orders, self.now)

    @property
    def revision(self) -> int:
        """The revision that it tells its parent."""
        return self.engine.origin.revision


def order(command: int, stamp: float, seq: int, path: Path = NODE) -> Message:
    """Return an order of an operator, which the server has stamped."""
    data = encode_command(Command(command, comment="lies" if command == QUARANTINE else "", author="jo"))
    return Message(Subjects().control(path), data, seq, int((NOON + stamp) * 1e9))


@pytest.mark.parametrize("lifted", [False, True])
def test_a_step_of_the_servers_clock_parts_no_pair(lifted: bool) -> None:  # noqa: FBT001 - a case of the test
    """One reads the orders as they come, while the clock is an hour ahead and set back; the other one later."""
    orders = [order(QUARANTINE, HOUR + 30, 1)] + ([order(LIFT, 62, 2)] if lifted else [])
    live, late = Member(), Member()
    live.pass_to(10, 0)
    live.pass_to(30, HOUR)
    live.hear(orders[0])
    live.pass_to(60, HOUR)
    live.pass_to(62, 0)
    live.hear(*orders[1:])
    late.pass_to(10, 0)
    late.now = 99
    late.pass_to(100, 0)
    late.hear(*orders)
    for one in (live, late):
        one.pass_to(130, 0)
        assert {*one.engine.fleet.quarantine.in_force} == (set() if lifted else {NODE})
    assert live.revision == late.revision == (NOON + 3600 + 30) * 1000 + lifted
    for one in (live, late):
        one.hear(order(QUARANTINE, 2 * HOUR, 3, ("fog", "1")))
        one.pass_to(140, 0)
    assert live.revision == late.revision


def test_an_order_that_is_read_again_changes_nothing_more() -> None:
    """Also one in vain, and after a restart: the stream may be read again from its start."""
    orders = [order(QUARANTINE, 1, 1), order(QUARANTINE, 2, 2), order(LIFT, 3, 3), order(LIFT, 4, 4)]
    member = Member()
    member.pass_to(10, 0)
    member.hear(*orders)
    member.pass_to(20, 0)
    before = member.revision
    assert not member.engine.fleet.quarantine.in_force
    again = Member()
    resume(again.engine, again.network, member.engine.image(Ratchet()), 20.0)
    again.now = 20
    for one in (member, again):
        one.pass_to(21, 0)
        one.hear(*orders)
        one.pass_to(30, 0)
        assert not one.engine.fleet.quarantine.in_force
        assert one.revision == before


def test_an_order_that_waits_keeps_its_stamp_and_its_turn() -> None:
    """A checkpoint has both; without its stamp it is known by its time."""
    quarantine = Quarantine()
    assert quarantine.add(("b",), Order(7.0, out=True, why="x", stamp=9_000)) is Taken.NEW
    assert quarantine.add(("a",), Order(5.0, out=True, why="x", stamp=4_000)) is Taken.NEW
    assert quarantine.pop_ready(6.0) == []
    again = Quarantine()
    again.restore(quarantine.image())
    OrderStamps(again).restore(OrderStamps(quarantine).image())
    assert [(path, one.mark) for path, one in again.pop_ready(8.0)] == [(("b",), 9_000), (("a",), 4_000)]
    without = Quarantine()
    without.restore(quarantine.image())
    OrderStamps(without).assume()
    assert without.add(("b",), Order(7.0, out=True, stamp=7_000_000_000)) is Taken.KNOWN
    assert without.add(("b",), Order(8.0, out=False, stamp=8_000_000_000)) is Taken.NEW
    with pytest.raises(DamagedError, match="other orders"):
        OrderStamps(Quarantine()).restore(OrderStamps(quarantine).image())


def test_orders_of_an_earlier_programs_checkpoint_keep_their_turn() -> None:
    """It saved them by path and without their stamps; also what is saved and read once more has them in order."""
    quarantine = Quarantine()
    for path, at, out in ((("b",), 5.0, True), (("a",), 6.0, True), (("b",), 7.0, False), (("a",), 8.0, False)):
        assert quarantine.add(path, Order(at, out, why="x", stamp=int(at * 1e9))) is Taken.NEW
    earlier = Quarantine()
    earlier.restore(quarantine.image())
    OrderStamps(earlier).assume()
    again = Quarantine()
    again.restore(earlier.image())
    OrderStamps(again).restore(OrderStamps(earlier).image())
    for one in (earlier, again):
        assert [(path, order.at) for path, order in one.pop_ready(7.5)] == [(("b",), 5.0), (("a",), 6.0), (("b",), 7.0)]


def test_orders_that_are_remembered_are_bounded() -> None:
    """Of those that were forgotten nobody knows whether they were read."""
    read = ReadOrders()
    for stamp in range(1, MOST_READ + 3):
        assert read.add(NODE, stamp) is False
    assert (len(read.known), read.since) == (MOST_READ, 2)
    assert (read.add(NODE, 2), read.add(NODE, 9)) == (None, True)


A, B = ("fog", "0", "0"), ("fog", "0", "1")


class Middle(Member):
    """An aggregator between a root and two branches; it hears what their aggregators tell, and tells the root."""

    def __init__(self) -> None:
        super().__init__(BRANCH, (A, B))
        self._reporter = Reporter(1, self.engine.origin)
        self._epoch, self._told = 1, self.engine.origin.revision

    def told(self, path: Path, reporter: Reporter, total: int) -> None:
        """Hear a keyframe of one of its branches."""
        self.now += 1
        frame = reporter.keyframe(counted(total))
        fleet = self.engine.fleet
        fleet.apply(path, frame, NOON + self.now, rollup=True)

    def tell(self, root: Root) -> None:
        """Tell the root: after an order in another epoch, as `Replica` does."""
        origin = self.engine.origin
        if origin.revision != self._told:
            self._epoch, self._told = self._epoch + 1, origin.revision
            self._reporter = Reporter(self._epoch, origin)
        root.hear(self._reporter.keyframe(self.network.totals()))


LIE = 2**40


def test_an_order_reaches_the_root_through_a_middle_that_hears_of_it_after_a_later_one() -> None:
    """The aggregators below two branches have each done an order; the middle hears of the later one first."""
    root, middle = Root(), Middle()
    middle.told(A, Reporter(1, Origin(1)), LIE)
    middle.told(B, Reporter(2, Origin(2)), LIE)
    middle.tell(root)
    assert root.value("work_total") == 2 * LIE
    middle.told(B, Reporter(3, Origin(2, 8000)), 5)
    middle.tell(root)
    assert root.value("work_total") == LIE + 5
    middle.told(A, Reporter(4, Origin(1, 7000)), 3)
    middle.tell(root)
    assert root.value("work_total") == 8


def test_an_order_below_a_branch_is_the_branchs_word() -> None:
    """The middle reads it too, and earlier: its totals fall when the branch's do, and then another epoch begins."""
    root, middle = Root(), Middle()
    middle.pass_to(10, 0)
    middle.told(A, Reporter(1, Origin(1)), LIE)
    middle.tell(root)
    middle.hear(order(QUARANTINE, 12, 1, (*A, "7")))
    middle.pass_to(20, 0)
    middle.tell(root)
    assert middle.revision == 0
    middle.told(A, Reporter(2, Origin(1, (NOON + 12) * 1000)), 3)
    middle.tell(root)
    assert root.value("work_total") == 3
    middle.hear(order(QUARANTINE, 30, 2, A))  # the branch as a whole is taken out here
    middle.pass_to(40, 0)
    assert middle.revision == (NOON + 12) * 1000 + (NOON + 30) * 1000


def test_middles_that_heard_in_another_order_agree() -> None:
    """And one that has begun later, and knows the last orders alone."""
    members = [Middle() for _ in range(3)]
    words = [(A, Reporter(1, Origin(1, 6000))), (A, Reporter(2, Origin(1, 7000))), (B, Reporter(3, Origin(2, 8000)))]
    for middle, which in zip(members, ([0, 1, 2], [2, 0, 1], [2, 1]), strict=True):
        for number in which:
            middle.told(*words[number], 5)
            middle.engine.origin  # noqa: B018 - it is looked at all the time
    assert {middle.revision for middle in members} == {15_000}


def test_revisions_are_saved_and_never_fall() -> None:
    """Also where a branch counts on from a state that knows fewer orders, and after an earlier program's checkpoint."""
    origin, again = OwnOrigin(7), OwnOrigin(8)
    origin.revisions.order(5_000_000)
    assert origin.at({A: 10, B: 20}).revision == 35
    assert origin.at({A: 4}).revision == 35
    again.restore(origin.image())
    again.revisions.restore(origin.revisions.image())
    again.resume([9_000_000])
    assert again.at({A: 11}) == Origin(7, 36)
    earlier = OwnOrigin(8)
    earlier.restore(Saved({"incarnation": 7, "revision": 30, "ordered_at": 30}))
    earlier.resume([4_000_000, 6_000_000])
    assert earlier.at({A: 10}).revision == 30
    earlier.revisions.order(31_000_000)
    assert earlier.at({A: 10}).revision == 41
    with pytest.raises(DamagedError, match="no revisions"):
        Revisions().restore(Saved({"own": 2**63, "below": []}))


def test_no_branch_fills_the_sum_of_revisions() -> None:
    """One says the highest revision there is, and is counted as refused: later orders are still told to the root."""
    middle, liar = Middle(), Reporter(1, Origin(1, 2**63 - 1))
    middle.pass_to(10, 0)
    outcome = middle.engine.fleet.apply(A, liar.keyframe(counted(5)), NOON, rollup=True)
    assert outcome.refused_values == 1
    told = [middle.revision]
    middle.told(B, Reporter(2, Origin(2, 8000)), 5)
    told.append(middle.revision)
    middle.hear(order(QUARANTINE, 30, 1, ("fog", "0", "5")))
    middle.pass_to(40, 0)
    told.append(middle.revision)
    assert told == [MOST_REVISION, MOST_REVISION + 8000, MOST_REVISION + 8000 + (NOON + 30) * 1000]


def test_branches_with_revisions_are_bounded() -> None:
    """A newcomer beyond them changes nothing; the most of them at their highest leave room for orders of our own."""
    revisions = Revisions()
    for number in range(MOST_REVISED + 1):
        revisions.hear({("fog", str(number)): 2**63 - 1})
    assert len(revisions.below) == MOST_REVISED
    before = revisions.total
    revisions.order(5_000_000)
    assert revisions.total == before + 5 == MOST_REVISED * MOST_REVISION + 5


def test_one_that_never_heard_of_a_branch_that_is_gone_stays_lower() -> None:
    """It lacks the branch's counts too. Nothing but the other one's state tells it of either."""
    whole, blank = Middle(), Middle()
    whole.told(A, Reporter(1, Origin(1, 7000)), 4)
    for middle in (whole, blank):
        middle.told(B, Reporter(2, Origin(2, 8000)), 5)
        middle.told(B, Reporter(3, Origin(2, 9000)), 5)
    assert (whole.revision, blank.revision) == (16_000, 9_000)
    again = Middle()
    resume(again.engine, again.network, whole.engine.image(Ratchet()), 20.0)
    again.told(B, Reporter(4, Origin(2, 10_000)), 5)
    whole.told(B, Reporter(4, Origin(2, 10_000)), 5)
    assert again.revision == whole.revision == 17_000


def test_a_middle_resumes_with_the_orders_of_an_earlier_programs_checkpoint() -> None:
    """It agrees with the other one of its pair, which has begun anew."""
    orders = [order(QUARANTINE, 1, 1), order(QUARANTINE, 2, 2, ("fog", "0", "0", "7"))]
    member, again = Middle(), Middle()
    member.pass_to(10, 0)
    member.hear(*orders)
    member.pass_to(20, 0)
    image = member.engine.image(Ratchet())
    image.plain["parts"].pop("revisions")
    image.plain["parts"]["origin"]["revision"] = (NOON + 2) * 1000
    resume(again.engine, again.network, image, 20.0)
    words = Reporter(2, Origin(1, (NOON + 2) * 1000))
    for one in (member, again):
        one.told(A, words, 3)
    assert member.revision == again.revision == (NOON + 1) * 1000 + (NOON + 2) * 1000
