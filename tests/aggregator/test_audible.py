"""Audible time: by the clock while the streams are read to their end, by frames in a backlog, still while cut off."""

from __future__ import annotations

from fog_aggregator.core.engine.cursor import SPEECHLESS_SECONDS, StreamCursor
from fog_aggregator.core.engine.observed import LONGEST_TICK, ObservedTime
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.fleet_time import SETTLING_SECONDS
from fog_bus.nats.consumer import patience
from fog_bus.nats.log import HEARTBEAT, RARE_HEARTBEAT
from fog_bus.ports import StreamInfo
from fog_schema.frames import DELTA, KEYFRAME, LAST_PART, Frame

EMPTY = StreamInfo("monday", 1, 0, 0, 0, 0.0, None, None, now=0.0, tail=0)
A, B = ("fog", "a"), ("fog", "b")


class Listening:
    """A reader of one empty stream, which ticks when it is told to."""

    def __init__(self) -> None:
        self.observed = ObservedTime()
        self.cursor = StreamCursor("S")
        self.cursor.begin(EMPTY, 0.0)
        self.at(0.0)

    def at(self, now: float, *, spoken: bool = True) -> float:
        """Tick; return the audible seconds since the last time."""
        if spoken:
            self.cursor.look(EMPTY, now)
        self.observed.tick([self.cursor], now)
        return self.observed.listen([self.cursor])


def test_it_goes_as_far_as_the_server_spoke() -> None:
    """A second in which nothing came, not even a heartbeat, proves nothing until the next word."""
    reader = Listening()
    assert [reader.at(1.0), reader.at(2.0, spoken=False), reader.at(2.5)] == [1.0, 0.0, 1.5]
    assert reader.at(60.0) == LONGEST_TICK, "the process was paused"


def test_it_stands_still_while_cut_off_and_a_while_longer() -> None:
    """Nodes may have been cut off as well, and need time to come back."""
    reader = Listening()
    reader.cursor.end("disconnected", 1.0)
    assert reader.at(2.0, spoken=False) == 0.0
    reader.cursor.begin(EMPTY, 600.0)
    seconds = [reader.at(600.0 + second) for second in range(30)]
    assert sum(seconds) == 29 - SETTLING_SECONDS
    assert seconds[: int(SETTLING_SECONDS) + 1] == [0.0] * (int(SETTLING_SECONDS) + 1)


def test_it_is_steady_after_three_intervals() -> None:
    """Between 5 s and a minute; and anew after each break."""
    reader = Listening()
    audible = reader.observed.audible
    assert [audible.is_steady(0.1, now) for now in (4.9, 5.0)] == [False, True]
    assert [audible.is_steady(10.0, now) for now in (29.9, 30.0)] == [False, True]
    assert audible.is_steady(3600.0, 60.0)
    reader.cursor.end("silent", 61.0)
    reader.at(62.0, spoken=False)
    assert not audible.is_steady(0.1, 1000.0)


def test_a_reader_is_connected_while_the_server_speaks() -> None:
    """Between generations it is not, nor after ten seconds without a word."""
    cursor = StreamCursor("S")
    assert not cursor.is_connected(0.0)
    cursor.begin(EMPTY, 0.0)
    assert [cursor.is_connected(now) for now in (SPEECHLESS_SECONDS, SPEECHLESS_SECONDS + 0.1)] == [True, False]
    cursor.take([], 0, 30.0)
    assert cursor.is_connected(31.0)
    cursor.end("disconnected", 31.0)
    assert not cursor.is_connected(31.0)


def test_a_lost_reader_is_known_before_the_server_counts_as_cut_off() -> None:
    """Else readiness ends for a moment whenever a server dies that had a consumer, though the streams are in reach."""
    assert [patience(one) for one in (HEARTBEAT, RARE_HEARTBEAT)] == [6.0, 8.0]
    assert patience(RARE_HEARTBEAT) < SPEECHLESS_SECONDS
    assert patience(10.0) == 20.0, "one missed heartbeat is none"


def heard(fleet: Fleet, path: tuple[str, ...], seq: int, at: float) -> None:
    """Let a frame of a node with an interval of 10 s be read that was stored at a time."""
    kind, flags = (KEYFRAME, LAST_PART) if seq == 1 else (DELTA, 0)
    fleet.apply(path, Frame(kind, 7, seq, flags), at)


def live(fleet: Fleet) -> list[str]:
    """Return the nodes that are live."""
    rows = fleet.live_rows(fleet.now)
    return sorted(path[-1] for path, place in fleet.places.items() if rows[place.row])


def test_a_backlog_shows_who_fell_silent_in_it() -> None:
    """One node went on and the other did not, while the reader was away."""
    fleet = Fleet()
    fleet.listen(0.0, live=False)
    for seq in range(1, 9):
        heard(fleet, A, seq, 1000.0 + 10 * seq)
    heard(fleet, B, 1, 1085.0)
    fleet.listen(0.0, live=False)
    for seq in range(2, 9):
        heard(fleet, B, seq, 1075.0 + 10 * seq)
    assert live(fleet) == ["b"]


def test_a_gap_in_a_backlog_in_which_nobody_was_heard_silences_nobody() -> None:
    """The server was away for ten minutes: the first one that is heard again must not make the other stale."""
    fleet = Fleet()
    fleet.listen(0.0, live=False)
    heard(fleet, A, 1, 1000.0)
    heard(fleet, B, 1, 1001.0)
    fleet.listen(0.0, live=False)
    heard(fleet, A, 2, 1600.0)
    assert live(fleet) == ["a", "b"]
    for seq in range(3, 8):
        heard(fleet, A, seq, 1600.0 + 10 * (seq - 2))
    assert live(fleet) == ["a", "b"], "nodes come back one by one"
    heard(fleet, A, 8, 1660.0)
    assert live(fleet) == ["a"], "and then it is silent while the other one is heard"


def test_a_reader_that_lagged_before_it_was_cut_off_waits_for_nodes_too() -> None:
    """It was not read to its end when the server went: nodes have lost their connections all the same."""
    reader = Listening()
    reader.at(1.0)
    reader.cursor.caught_up = False
    reader.at(2.0)
    reader.cursor.end("disconnected", 3.0)
    reader.at(4.0, spoken=False)
    reader.cursor.begin(EMPTY, 60.0)
    assert sum(reader.at(60.0 + second) for second in range(30)) == 29 - SETTLING_SECONDS
