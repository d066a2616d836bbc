"""One line for one cause: alerts are joined by place on made-up trees, and the text states facts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fog_aggregator.analysis.joining import join
from fog_aggregator.analysis.problems import Active, Silence, problems, severity_of, title_of
from fog_schema.paths import Path, is_under

TREES = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(tuple), min_size=1, max_size=25).map(
    lambda paths: sorted(set(paths))
)


def counting(nodes: list[Path]) -> Callable[[Path], int]:
    """Count the nodes of a made-up tree."""
    return lambda path: sum(is_under(node, path) for node in nodes)


@given(TREES, st.data())
def test_lines_are_few_and_true(nodes: list[Path], data: st.DataObject) -> None:
    """Each thing is in one line, at the lowest place with all of the line's.

    A line of several places has at least half of its nodes affected; no place above two lines has.
    """
    inner = sorted({path[:end] for path in nodes for end in range(1, len(path) + 1)})
    places = data.draw(st.lists(st.sampled_from(inner), min_size=1, max_size=12))
    count = counting(nodes)
    found = join(places, count)
    assert sorted(number for line in found for number in line.members) == list(range(len(places)))

    def affected(path: Path) -> int:
        return sum(is_under(node, path) and any(is_under(node, place) for place in places) for node in nodes)

    for line in found:
        own = [places[number] for number in line.members]
        assert all(is_under(place, line.path) for place in own)
        shared = [end for end in range(min(map(len, own)) + 1) if len({place[:end] for place in own}) == 1]
        assert len(line.path) == max(shared)
        if len(set(own)) > 1:
            assert 2 * affected(line.path) >= count(line.path)
            assert line.nodes == affected(line.path)
    above = [(), *inner]
    for place in above:
        if sum(is_under(line.path, place) for line in found) > 1:
            assert 2 * affected(place) < count(place), "these lines are one"


def rack(name: str, size: int = 10) -> list[Path]:
    """Return the nodes of a rack."""
    return [("fog", name, f"{number}") for number in range(size)]


FLEET = [node for number in range(10) for node in rack(f"r{number}")]


@pytest.mark.parametrize(
    ("places", "lines"),
    [
        ([("fog", "r1", "0")], ["fog/r1/0"]),
        (rack("r1"), ["fog/r1"]),
        (rack("r1", 5), ["fog/r1"]),
        (rack("r1", 4), ["fog/r1/0", "fog/r1/1", "fog/r1/2", "fog/r1/3"]),
        ([*rack("r1"), ("fog", "r7", "3")], ["fog/r1", "fog/r7/3"]),
        ([("fog", f"r{number}") for number in range(5)], ["fog"]),
        ([("fog", "r1"), ("fog", "r1", "3")], ["fog/r1"]),
        ([(), ("fog", "r1", "3")], [""]),
    ],
)
def test_alerts_are_joined_where_half_is_affected(places: list[Path], lines: list[str]) -> None:
    """A node, a rack, half of one, less than half, a rack and a node, half of the racks, one within another."""
    assert ["/".join(line.path) for line in join(places, counting(FLEET))] == lines


class MadeUp:
    """A fleet some of whose nodes are silent since a time."""

    def __init__(self, nodes: list[Path], silent: dict[Path, float]) -> None:
        self._nodes, self._silent = nodes, silent

    def count(self, path: Path) -> int:
        """Return how many there are at and under a path."""
        return counting(self._nodes)(path)

    def silence(self, path: Path) -> Silence:
        """Return how many are silent."""
        times = [at for node, at in self._silent.items() if is_under(node, path)]
        return Silence(len(times), self.count(path), min(times, default=0.0), max(times, default=0.0))


def test_a_lost_branch_is_one_problem() -> None:
    """Its alerts that are not told are counted by their rules, and are no problems of their own."""
    silent = {node: 100.0 + number * 0.3 for number, node in enumerate(rack("r1"))}
    lost = Active("BranchLost", ("fog", "r1"), "firing", "critical", 130.0)
    under = [Active("NodeStale", node, "firing", "warning", 125.0, suppressed_by=("fog", "r1")) for node in rack("r1")]
    [found] = problems([lost, *under], MadeUp(FLEET, silent))
    assert (found.title, found.path, found.severity, found.since) == ("Branch lost", ("fog", "r1"), "critical", 130.0)
    assert (found.suppressed, found.members, found.nodes, found.of) == ({"NodeStale": 10}, [0], 10, 10)
    assert found.text == "All 10 nodes fell silent within 3 s. Alerts that are not told while this lasts: 10 NodeStale."
    [alone] = problems(under, MadeUp(FLEET, silent))
    assert (alone.title, alone.name, alone.since) == ("Branch silent", "", 125.0)
    assert alone.text == found.text


def test_the_worst_comes_first_and_states_are_apart() -> None:
    """Firing before pending before silenced; then by severity, then the oldest."""
    alerts = [
        Active("Temp", ("fog", "r9"), "silenced", "info", 1.0),
        Active("Queue", ("fog", "r2", "1"), "pending", "warning", 2.0),
        Active("Stale", ("fog", "r3", "1"), "firing", "warning", 9.0),
        Active("Stale", ("fog", "r4", "1"), "firing", "warning", 3.0, doubtful=True),
        Active("Errors", ("fog", "r5"), "firing", "page", 8.0, title="errors rise"),
    ]
    found = problems(alerts, MadeUp(FLEET, {("fog", "r4", "1"): 5.0}))
    assert [(one.title, one.state, one.severity, one.members) for one in found] == [
        ("errors rise", "firing", "critical", [4]),
        ("Stale", "firing", "warning", [3]),
        ("Stale", "firing", "warning", [2]),
        ("Queue", "pending", "warning", [1]),
        ("Temp", "silenced", "note", [0]),
    ]
    assert found[1].text == "The node is silent. Nobody can say whether it still fires: nodes behind are silent."
    assert found[2].text == ""


@pytest.mark.parametrize(
    ("silent", "text"),
    [
        (dict.fromkeys(rack("r1", 4), 0.0), "4 of 10 nodes are silent."),
        ({node: 60.0 * (node[2] == "3") for node in rack("r1")}, "All 10 nodes fell silent within 60 s."),
        ({node: 60.1 * (node[2] == "3") for node in rack("r1")}, "All 10 nodes fell silent."),
    ],
)
def test_what_is_said_of_silence(silent: dict[Path, float], text: str) -> None:
    """Some of the nodes; all within a minute, which is together; all over longer."""
    [found] = problems([Active("BranchLost", ("fog", "r1"), "firing")], MadeUp(FLEET, silent))
    assert found.text == text


def test_many_of_a_place_are_one_line() -> None:
    """A hundred alerts of a hundred nodes, silent over some minutes."""
    silent = {node: 100.0 * number for number, node in enumerate(FLEET)}
    found = problems([Active("NodeStale", node, "firing", "", 1.0) for node in FLEET], MadeUp(FLEET, silent))
    assert [(one.path, one.nodes, one.of, one.text) for one in found] == [
        (("fog",), 100, 100, "100 alerts at 100 places. All 100 nodes fell silent.")
    ]


@pytest.mark.parametrize(("number", "lines"), [(10, 10), (11, 1)])
def test_a_flood_is_one_line(number: int, lines: int) -> None:
    """More than ten of one rule in ten minutes, at few nodes of the place each; what is older, or another, stays."""
    few = [path for path in FLEET if path[-1] == "1"] + [("fog", "r1", "5")]
    new = [Active("Errors", path, "firing", "warning", 5000.0 + 50 * at) for at, path in enumerate(few[:number])]
    old = Active("Errors", ("fog", "r3", "7"), "firing", "warning", 1000.0)
    other = Active("Full", ("fog", "r4", "7"), "firing", "warning", 5000.0)
    found = problems([old, *new, other], MadeUp(FLEET, {}))
    assert len(found) == lines + 2
    assert found[0].path == old.path
    if lines == 1:
        flood = next(one for one in found if len(one.members) > 1)
        assert (flood.path, flood.since, flood.nodes, flood.of) == (("fog",), 5000.0, 11, 100)
        assert flood.text == "A flood of alerts. 11 alerts at 11 places."


def test_a_flood_stays_one_line() -> None:
    """However late another alert of the rule comes; a second flood is a line of its own."""
    begun = {"1": 5000.0, "2": 5599.0, "3": 9000.0}
    at = {path: begun[path[-1]] for path in FLEET if path[-1] in begun} | {("fog", "r1", "4"): 9599.0}
    late = Active("Errors", ("fog", "r3", "7"), "firing", "warning", 12_000.0)
    floods = [Active("Errors", path, "firing", "warning", since) for path, since in at.items()]
    found = problems([*floods, late], MadeUp(FLEET, {}))
    assert [(one.since, len(one.members)) for one in found] == [(5000.0, 20), (9000.0, 11), (12_000.0, 1)]


@pytest.mark.parametrize(
    ("name", "title"),
    [("BranchLost", "Branch lost"), ("CPUHigh", "CPUHigh"), ("x", "x"), ("NodeDownNOW", "Node down NOW")],
)
def test_names_are_words(name: str, title: str) -> None:
    """As people write them."""
    assert title_of(name) == title


def test_severities_are_three() -> None:
    """Anything else is a note."""
    assert [severity_of(one) for one in ("critical", "PAGE", "warning", "info", "")] == [
        "critical",
        "critical",
        "warning",
        "note",
        "note",
    ]
