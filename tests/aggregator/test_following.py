"""An engine reads the streams that hold its subjects, wherever these are, each from where it was read to (R12.64)."""

from __future__ import annotations

from functools import partial

import pytest

from fog_aggregator.components.checkpoints.resumption import resume
from fog_aggregator.core.following.scope import CONTROL, EVENTS, METRICS, ROLLUPS, Scope
from fog_aggregator.core.following.streams import GONE_SECONDS, Streams
from fog_aggregator.core.places.patterns import BranchPatterns, places_outside
from fog_aggregator.core.saved import DamagedError, Saved
from fog_aggregator.query.ratchet import Ratchet
from fog_bus.ports import Position
from fog_schema.codec import encode
from fog_schema.frames import KEYFRAME, LAST_PART, Frame
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from tests.aggregator.test_commands import NOON, Reading, info, message

DATA = encode(Frame(KEYFRAME, epoch=7, seq=1, flags=LAST_PART))
ALL = {"M": METRICS, "E": EVENTS, "C": CONTROL}


def scope(path: Path = (), *branches: Path) -> Scope:
    """Return a scope whose streams are called M, E, R and C where no others are found."""
    patterns = BranchPatterns(branches)
    places = places_outside(path, patterns)
    about = partial(Scope, subjects=Subjects(), path=path, branches=patterns, places=places)
    return about(metrics="M", events="E", rollups="R", control="C")


def reading() -> Reading:
    """Return an engine that has read a frame of M."""
    found = Reading()
    for stream in "MEC":
        found.begin(stream)
    found.read("M", message("fog.v1.metrics.fog.0", DATA, NOON))
    return found


def test_a_stream_that_appears_is_read_from_its_start() -> None:
    """Nobody here has seen the messages that it has: all epochs are gapped; the others go on where they were."""
    found = reading()
    assert not found.engine.fleet.gapped
    found.engine.follow(ALL | {"M2": METRICS}, 1.0)
    assert found.engine.fleet.gapped
    assert (found.engine.cursors["M"].seq, found.engine.cursors["M2"].position) == (1, None)
    found.begin("M2")
    found.read("M2", message("fog.v1.metrics.fog.1", DATA, NOON))
    assert sorted(found.engine.fleet.places) == [("fog", "0"), ("fog", "1")]
    assert "stream M2: it holds subjects that are read here" in found.said[0]


def test_a_stream_that_goes_leaves_no_position() -> None:
    """Its last messages may be unread: all epochs are gapped. A stream of that name would be another one."""
    found = reading()
    found.begin("C")
    found.engine.follow({"M2": METRICS, "E": EVENTS, "C": CONTROL}, 1.0)
    assert found.engine.fleet.gapped
    assert "M" not in found.engine.positions
    assert set(found.engine.cursors) == {"M2", "E", "C"}


def test_a_stream_that_goes_is_read_to_its_end() -> None:
    """It was told to hold more: what a writer that ended has left there nobody would tell again."""
    found = reading()
    found.begin("C")
    found.engine.cursors["M"].look(info(2), 1.0)
    found.engine.follow({"M2": METRICS, "E": EVENTS, "C": CONTROL}, 1.0)
    assert "M" in found.engine.cursors
    found.read("M", message("fog.v1.metrics.fog.1", DATA, NOON, 2))
    found.engine.follow({"M2": METRICS, "E": EVENTS, "C": CONTROL}, 2.0)
    assert "M" not in found.engine.cursors
    assert sorted(found.engine.fleet.places) == [("fog", "0"), ("fog", "1")]


def resumed(found: Reading, without: str = "") -> Reading:
    """Return an engine that goes on from the checkpoint of another one, maybe without a part."""
    image = found.engine.image(Ratchet())
    image.plain["parts"].pop(without, None)
    again = Reading()
    resume(again.engine, again.network, image, 1.0)
    return again


@pytest.mark.parametrize("without", ["", "following"])
def test_a_stream_that_lost_our_subjects_while_nobody_read_is_read_to_its_end(without: str) -> None:
    """Its position is in the checkpoint, and nothing tells whether it holds more before it was looked at."""
    found = resumed(reading(), without)
    for at in (1.0, 2.0):
        found.engine.follow({"M2": METRICS, "E": EVENTS, "C": CONTROL}, at)
        assert found.engine.cursors["M"].seq == 1
    assert not found.engine.caught_up
    first = message("fog.v1.metrics.fog.0", DATA, NOON)
    found.begin("M", what=info(2))
    assert found.engine.cursors["M"].recognise(first, 2.0)
    found.read("M", message("fog.v1.metrics.fog.1", DATA, NOON, 2))
    found.engine.follow({"M2": METRICS, "E": EVENTS, "C": CONTROL}, 3.0)
    assert "M" not in found.engine.cursors
    assert sorted(found.engine.fleet.places) == [("fog", "0"), ("fog", "1")]


def test_streams_of_any_name_are_read_to_their_end_after_a_restart() -> None:
    """The checkpoint has the kind of each; a stream that is gone is not waited for."""
    before = Streams(scope())
    before.begin({name: Position("monday", 9, 90) for name in ("M1", "E1", "C1")})
    before.follow({"M1": METRICS, "E1": EVENTS, "C1": CONTROL}, 0.0)
    after = Streams(scope())
    after.restore(before.image())
    after.begin(before.positions)
    assert after.image().plain == before.image().plain
    change = after.follow(ALL, 0.0)
    assert (change.gone, set(after.cursors)) == ([], {"M", "E", "C", "M1", "E1", "C1"})
    assert [after.kind(name) for name in ("M1", "E1", "C1")] == [METRICS, EVENTS, CONTROL]
    after.cursors["C1"].find_absent()
    assert after.follow(ALL, 0.0).gone == ["C1"]


def test_a_stream_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    """It may be another one's by now, and closed to us; its unread messages are told."""
    found = resumed(reading())
    ours = {"M2": METRICS, "E": EVENTS, "C": CONTROL}
    found.engine.follow(ours, 10.0)
    found.engine.follow(ours, 10.0 + GONE_SECONDS - 1)
    assert "M" in found.engine.cursors
    found.engine.follow(ours, 10.0 + GONE_SECONDS)
    assert "M" not in found.engine.cursors
    assert found.engine.fleet.gapped
    assert found.said[-1] == "stream M: it does not answer, and may hold unread messages"


def test_kinds_that_are_none_are_damage() -> None:
    """Of a checkpoint."""
    with pytest.raises(DamagedError, match="no kinds of streams"):
        Streams(scope()).restore(Saved({"kinds": [("M", "other")]}))


def test_streams_of_commands_ask_for_nothing() -> None:
    """One appears, one goes: no count stands on them (R12.48)."""
    found = reading()
    found.engine.follow({"M": METRICS, "E": EVENTS, "C2": CONTROL}, 1.0)
    found.engine.follow({"M": METRICS, "E": EVENTS, "C3": CONTROL}, 2.0)
    assert not found.engine.fleet.gapped


def test_the_first_look_changes_nothing_for_a_new_aggregator() -> None:
    """It has read nothing, and asks everybody in any case once it has."""
    found = Reading()
    found.engine.follow({"old M": METRICS, "old E": EVENTS}, 0.0)
    assert set(found.engine.cursors) == {"old M", "old E", "C"}
    assert found.said == []


def test_a_checkpoints_positions_wait_until_their_streams_are_found() -> None:
    """Under whatever name: a checkpoint that is made meanwhile still has them."""
    streams = Streams(scope())
    saved = {"FOG_METRICS": Position("monday", 9, 90), "FOG_EVENTS": Position("monday", 3, 30)}
    streams.begin(saved)
    assert streams.positions == saved
    change = streams.follow({"FOG_METRICS": METRICS, "FOG_EVENTS": EVENTS}, 0.0)
    assert (change.appeared, change.gone) == ([], [])
    assert streams.cursors["FOG_METRICS"].seq == 9
    assert streams.positions == saved
    streams.cursors["FOG_EVENTS"].find_absent()
    change = streams.follow({"FOG_METRICS": METRICS, "NEW": EVENTS}, 0.0)
    assert (change.appeared, change.gone) == (["NEW"], ["FOG_EVENTS"])


def test_a_new_stream_is_noticed_after_a_restart() -> None:
    """A checkpoint has no position in it: it appeared while the aggregator was away."""
    streams = Streams(scope())
    streams.begin({"M": Position("monday", 9, 90)})
    assert streams.follow(ALL | {"M2": METRICS}, 0.0).appeared == ["E", "C", "M2"]


@pytest.mark.parametrize(
    ("path", "branch", "places"),
    [
        (("fog",), ("fog", "*"), (("fog",),)),
        (("fog",), ("fog", "*", "*"), (("fog",), ("fog", "*"))),
        ((), ("*",), ()),
        ((), ("*", "*"), (("*",),)),
        ((), ("fog", "*"), None),
        (("fog",), ("fog", "0"), None),
        (("fog",), ("fog", "*", "0"), None),
    ],
)
def test_where_nodes_may_stand_outside_of_branches(path: Path, branch: Path, places: tuple[Path, ...] | None) -> None:
    """It can be said where every path of some depth is a branch; beside branches that are named others may be."""
    assert places_outside(path, BranchPatterns((branch,))) == places


def test_a_root_asks_for_its_own_nodes_alone() -> None:
    """And of a root whose every node is in a branch nobody's frames are read."""
    root = Streams(scope(("fog",), ("fog", "*")))
    assert root.cursors["M"].selective
    assert root.cursors["M"].filters == ("fog.v1.metrics.fog",)
    assert not root.cursors["R"].selective
    assert set(Streams(scope((), ("*",))).cursors) == {"R", "C"}
    named = Streams(scope(("fog",), ("fog", "0")))
    assert not named.cursors["M"].selective


def test_a_root_whose_user_may_not_ask_for_single_messages_reads_all() -> None:
    """It goes on from where it was."""
    root = Streams(scope(("fog",), ("fog", "*")))
    root.begin({"M": Position("monday", 9, 90)})
    root.follow({"M": METRICS, "R": ROLLUPS}, 0.0, selective=False)
    cursor = root.cursors["M"]
    assert (cursor.selective, cursor.seq) == (False, 9)
    assert cursor.filters == ("fog.v1.metrics.fog", "fog.v1.metrics.fog.>")


def test_a_root_awaits_no_stream_of_nodes() -> None:
    """There need be no node outside of branches; the stream of totals it awaits."""
    root = Streams(scope(("fog",), ("fog", "*")))
    root.follow({"R": ROLLUPS}, 0.0)
    assert set(root.cursors) == {"R", "C"}
    assert root.reference == "R"
    root.follow({}, 0.0)
    assert set(root.cursors) == {"M", "E", "R", "C"}


def test_streams_of_nodes_are_none_before_they_were_looked_for() -> None:
    """The scope names some that may be of others: nobody asks who has most of them."""
    streams = Streams(scope(("fog", "0")))
    assert (set(streams.cursors), streams.of_nodes) == ({"M", "E", "C"}, [])
    streams.follow({"M_fog_0": METRICS, "E_fog_0": EVENTS, "C": CONTROL}, 0.0)
    assert streams.of_nodes == ["M_fog_0", "E_fog_0"]


def test_time_goes_on_by_another_servers_clock() -> None:
    """The stream whose server's clock dates all goes; the other one's takes its place."""
    found = reading()
    before = found.engine.server_time(5.0)
    found.engine.follow({"A": METRICS, "E": EVENTS, "C": CONTROL}, 5.0)
    assert found.engine.server_time(5.0) == before
    found.engine.cursors["A"].begin(info(now=NOON + 6.0), 6.0)
    assert found.engine.server_time(6.0) == pytest.approx(NOON + 6.0)
