"""One history: what happens to nodes and aggregators, minute by minute, and what people are notified of meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from fog_aggregator.promql.labels import Labels, make_labels, show
from fog_aggregator.rules.verdicts.coverage import Fate
from fog_proving.alerts.fleet import BRANCHES, GROUP_HOT, HOT, MINUTE, Fleet, Node, Seen
from fog_proving.alerts.receiver import Receiver
from fog_proving.alerts.replica import FEWER_RULES, RULES, Replica
from fog_schema.paths import Path

MINUTES: Final = 90
_QUIET: Final = 8
"""Minutes at the end in which nothing happens any more."""
_MODES: Final = 17
_WITH_OUTAGES: Final = frozenset({10, 14})
_WITH_EXPECTED: Final = frozenset({11, 16})
"""Of so many seeds, these."""
_LONGEST_OUTAGE: Final = 8
_IN_PEACE: Final = 2
"""Minutes after which a receiver that can be reached knows everything."""


@dataclass
class World:
    """Everything there is in one history.

    Attributes:
        random: Makes the history.
        fleet: The nodes as they are.
        replicas: One aggregator, or a pair.
        receiver: Hears of alerts.
        log: The view of each minute that a reader of everything has.
        truths: Of each minute, which alerts were true.
        temperatures: Of each minute, the true temperature of each node.
        ran: The aggregators that ran, by minute, when the receiver could be reached.
        judged: The aggregators that gave verdicts on temperatures, by minute.
        hot: In how many evaluations each group was seen hot since it was last seen not to be.
        removed: The minutes in which the rule GroupHot was not there.
        flapping: The node that is hot every other two minutes, if there is one.
    """

    random: Random
    fleet: Fleet
    replicas: list[Replica]
    receiver: Receiver = field(default_factory=Receiver)
    log: dict[int, Seen] = field(default_factory=dict)
    truths: dict[int, dict[Labels, bool]] = field(default_factory=dict)
    temperatures: dict[int, dict[Path, int]] = field(default_factory=dict)
    ran: dict[int, set[str]] = field(default_factory=dict)
    judged: dict[int, set[str]] = field(default_factory=dict)
    hot: dict[int, dict[Labels, int]] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    flapping: Node | None = None

    @property
    def is_pair(self) -> bool:
        """Whether there are two aggregators."""
        return len(self.replicas) > 1


def play(seed: int) -> World:
    """Play a history; every third one has a pair of aggregators.

    In some the receiver is away for a while, in others nodes are expected that were never heard.
    """
    random = Random(seed)
    replicas = [Replica("a"), Replica("b")] if seed % 3 == 2 else [Replica("a")]
    world = World(random, Fleet(random), replicas)
    if seed % 4 == 1:
        world.flapping = random.choice(list(world.fleet.nodes.values()))
    if seed % _MODES in _WITH_OUTAGES:
        world.receiver.away = set(_outages(Random(-seed)))
        world.receiver.late = {minute + more for minute in world.receiver.away for more in range(1 + _IN_PEACE)}
    if seed % _MODES in _WITH_EXPECTED:
        world.fleet.expect(Random(-seed))
    for minute in range(MINUTES):
        _minute(world, minute)
    return world


def _outages(random: Random) -> Iterator[int]:
    """Draw the minutes in which the receiver cannot be reached; it is back before all is quiet."""
    for _ in range(random.randint(1, 3)):
        begin = random.randrange(MINUTES - _QUIET - _LONGEST_OUTAGE)
        yield from range(begin, begin + random.randint(1, _LONGEST_OUTAGE))


def _compare(world: World, now: int) -> None:
    """Note when the receiver of one aggregator does not know what fires, though nothing was in its way for a while."""
    replica, lately = world.replicas[0], range(now - _IN_PEACE, now + 1)
    if world.is_pair or now - _IN_PEACE < max(replica.back_at, 0) or not world.receiver.away.isdisjoint(lately):
        return
    alerts = [alert for group in replica.set.groups for state in group.alerting for alert in state.alerts.values()]
    fires = {one.labels for one in alerts if one.is_firing and one.notes.sent_at is not None}
    for labels in fires ^ world.receiver.firing.keys():
        world.receiver.wrong.append(
            (now, f"{show(labels)} {'fires' if labels in fires else 'is over'}, as was not told")
        )


def _minute(world: World, now: int) -> None:
    if now < MINUTES - _QUIET:
        for _ in range(world.random.choice((0, 0, 1, 2))):
            world.random.choice(_EVENTS)(world, now)
    if world.flapping is not None:
        world.flapping.temperature = 9 if now % 4 < 2 else 2
    world.fleet.tick(now)
    world.log[now], world.truths[now] = world.fleet.seen(), world.fleet.truths()
    world.hot[now] = dict(world.hot.get(now - 1, {}))
    world.temperatures[now] = {path: node.temperature for path, node in world.fleet.nodes.items()}
    words = [word for replica in world.replicas for word in _evaluate(world, replica, now)]
    for replica in world.replicas:
        if now >= replica.back_at:
            for word in words:
                replica.pair.hear(word)
            replica.deliver(now, world.receiver)
    world.receiver.tick(now, now * MINUTE)
    _compare(world, now)
    if "GroupHot" not in world.replicas[0].rules:
        world.removed.add(now)


def _evaluate(world: World, replica: Replica, now: int) -> list:  # type: ignore[type-arg]
    if now < replica.back_at:
        return []
    if now == replica.back_at and now:
        others = (one for one in world.replicas if one is not replica and now >= one.back_at)
        world.receiver.late.add(now)
        replica.restart(now, [word for one in others for word in one.words()])
    if now not in world.receiver.away:
        world.ran.setdefault(now, set()).add(replica.name)
    replica.read(now, world.log)
    words = replica.evaluate(now)
    if replica.seen is not None and not replica.paused(now) and not replica.samples.failing:
        world.judged.setdefault(now, set()).add(replica.name)
        _count_hot(world, replica.seen, now)
    return words


def _count_hot(world: World, seen: Seen, now: int) -> None:
    counts = dict(world.hot.get(now - 1, {}))
    for branch in range(BRANCHES):
        place = {"fog_level": "1", "fog_path": f"fog/{branch}"}
        value = seen.values.get(make_labels({"__name__": "temp", **place}))
        labels = make_labels({"alertname": "GroupHot", **place})
        if value is not None and value > GROUP_HOT:
            counts[labels] = counts.get(labels, 0) + 1
        elif all(fate is not Fate.SILENT for path, fate in seen.fates.items() if path[1] == str(branch)):
            counts[labels] = 0
    world.hot[now] = counts


def _there(world: World) -> list[Node]:
    return [node for node in world.fleet.nodes.values() if node.fate in {Fate.LIVE, Fate.SILENT}]


def _heats(world: World, now: int) -> None:
    del now
    for node in world.random.sample(_there(world), k=min(3, len(_there(world)))):
        node.temperature = world.random.choice((0, 1, 3, HOT, HOT + 1, 9, 12)) if not node.is_dead else node.temperature


def _branch_heats(world: World, now: int) -> None:
    del now
    temperature = world.random.choice((0, 1, 3, 7, 9))
    for node in world.fleet.branch(world.random.randrange(BRANCHES)):
        if not node.is_dead:
            node.temperature = temperature


def _all_heat(world: World, now: int) -> None:
    del now
    for node in _there(world):
        if not node.is_dead:
            node.temperature = 9


def _errors(world: World, now: int) -> None:
    del now
    node = world.random.choice(_there(world) or list(world.fleet.nodes.values()))
    node.error_rate = world.random.choice((0, 0, 5, 20))


def _dies(world: World, now: int) -> None:
    del now
    for node in world.random.sample(_there(world), k=min(1, len(_there(world)))):
        node.fate, node.is_dead = Fate.SILENT, True


def _is_cut_off(world: World, now: int) -> None:
    del now
    for node in world.random.sample(_there(world), k=min(2, len(_there(world)))):
        node.fate = Fate.SILENT


def _branch_dies(world: World, now: int) -> None:
    del now
    mine = [node for node in world.fleet.branch(world.random.randrange(BRANCHES)) if node.fate is Fate.LIVE]
    for node in mine[: world.random.choice((3, 4))]:
        node.fate, node.is_dead = Fate.SILENT, world.random.random() < 0.5


def _return(world: World, now: int) -> None:
    del now
    silent = [node for node in world.fleet.nodes.values() if node.fate is not Fate.LIVE]
    for node in world.random.sample(silent, k=min(4, len(silent))):
        if node.is_dead or node.fate is not Fate.SILENT:
            node.late = 0
        node.fate, node.is_dead = Fate.LIVE, False


def _ends(world: World, now: int) -> None:
    del now
    live = [node for node in world.fleet.nodes.values() if node.fate is Fate.LIVE]
    for node in world.random.sample(live, k=min(1, len(live))):
        node.fate = Fate.ENDED


def _is_forgotten(world: World, now: int) -> None:
    del now
    silent = [node for node in world.fleet.nodes.values() if node.fate is Fate.SILENT]
    for node in world.random.sample(silent, k=min(1, len(silent))):
        node.fate, node.is_dead = Fate.GONE, True


def _crash(world: World, now: int) -> None:
    replica = world.random.choice(world.replicas)
    if now >= replica.back_at:
        replica.crash(now, world.random.randint(1, 9), world.random.randint(0, 3))


def _lose_nats(world: World, now: int) -> None:
    world.random.choice(world.replicas).cut_off_until = now + world.random.randint(1, 5)


def _fail(world: World, now: int) -> None:
    del now
    replica = world.random.choice(world.replicas)
    replica.samples.failing = "" if replica.samples.failing else "temp"


def _lag(world: World, now: int) -> None:
    del now
    replica = world.random.choice(world.replicas)
    replica.lags = world.is_pair and not replica.lags


def _reload(world: World, now: int) -> None:
    rules = RULES if world.replicas[0].rules == FEWER_RULES else FEWER_RULES
    for replica in world.replicas:
        if now >= replica.back_at:
            replica.reload(now, rules)
        replica.rules = rules


_EVENTS: Final[tuple[Callable[[World, int], None], ...]] = (
    _heats, _heats, _heats, _branch_heats, _branch_heats, _all_heat, _errors, _dies, _is_cut_off, _is_cut_off,
    _branch_dies, _return, _return, _ends, _is_forgotten, _crash, _lose_nats, _fail, _fail, _lag, _reload,
)  # fmt: skip
