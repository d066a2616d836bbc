"""Every field of an engine's own parts is saved, or listed with why a restart may begin it anew.

The fields of a fleet are `test_saved_fields`' business. Here the objects around it are walked: a field that decides
what is counted, asked or told, and that is in no list, fails until somebody has thought about a crash.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from fog_aggregator.components.checkpoints.resumption import resume
from fog_aggregator.core.checkpoint import read_image
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message, StreamInfo
from fog_schema.commands import FORGET, QUARANTINE, REBASE, Command, encode_command
from fog_schema.subjects import Subjects
from tests.aggregator.slicing import BEGIN, frame_of
from tests.aggregator.test_saved_fields import fields
from utilityfog_frontend.telemetry import TelemetryCollector

OWN: Final = tuple(f"fog_aggregator.core.{folder}." for folder in ("engine", "commands", "costs", "following"))
"""The modules of the engine's own parts."""
HANDED_IN: Final = "is handed in anew"
CONFIGURED: Final = "is configured"
WHOLE: Final = "is a part of the checkpoint for itself"
BEGINS: Final = "begins anew with the first look at the stream"
COUNTS: Final = "counts since the program began"

SAVED: Final = {
    ("ForgetQueue", "_waiting"),
    ("Rebases", "_waiting"),
    ("OwnOrigin", "_incarnation"),
    ("OwnOrigin", "_revision"),
    ("Readiness", "needs_round"),
    ("Revisions", "below"),
    ("Revisions", "own"),
    ("Steps", "next"),
    ("StreamCursor", "position"),
}
TRANSIENT: Final[dict[tuple[str, str], str]] = {
    ("Engine", "fleet"): WHOLE,
    ("Engine", "events"): WHOLE,
    **{("Engine", name): HANDED_IN for name in ("_around", "_scope")},
    **{
        ("Engine", name): "its parts are walked"
        for name in ("readiness", "observed", "streams", "_time", "_requests", "_commands", "_ingest", "_sweeper")
    },
    **{("OperatorCommands", name): "its parts are walked" for name in ("_forget_queue", "_rebases", "_origin")},
    **{("OperatorCommands", name): HANDED_IN for name in ("_around", "_branches")},
    ("OperatorCommands", "awaited"): "its parts are walked",
    ("AwaitedCommands", "_since"): "streams of commands are waited for anew",
    ("OwnOrigin", "revisions"): "its parts are walked",
    **{("Ingest", name): HANDED_IN for name in ("_fleet", "_events", "_counts", "_say", "accounts")},
    **{("Ingest", name): CONFIGURED for name in ("_branches", "_branch_events", "_branch_frames", "_plain")},
    ("Ingest", "_returned"): "the next delta of a writer with a long tombstone asks for its keyframe again (R12.15)",
    ("Readiness", "ready"): "whoever begins anew reads what came since, and is ready then",
    ("Readiness", "_asked"): "a round that is needed still is asked for anew",
    ("Readiness", "_progress_at"): "as _asked",
    ("Readiness", "_awaited"): "as _asked",
    ("Readiness", "_answered"): "as _asked",
    **{("ObservedTime", name): CONFIGURED for name in ("longest_tick", "longest_pause")},
    ("ObservedTime", "current"): "nothing was observed while nobody read",
    ("ObservedTime", "audible"): "its parts are walked",
    ("ObservedTime", "_last_tick"): "as current",
    ("ObservedTime", "_resumed_at"): "as current",
    **{
        ("AudibleTime", name): "nobody was heard while nobody read"
        for name in ("live", "_was_ever_live", "_until", "_begins_at", "_steady_since")
    },
    ("Streams", "cursors"): "their positions are saved",
    ("Streams", "counted"): "as cursors",
    ("Streams", "of_counts"): "as cursors",
    ("Streams", "reference"): "follows from the kinds",
    ("Streams", "_scope"): HANDED_IN,
    ("Streams", "_kinds"): "are saved, and stand in _saved_kinds until the streams are found",
    ("Streams", "_saved_kinds"): "as _kinds",
    ("Streams", "_missed_since"): "a stream that is missing is waited for anew",
    ("Streams", "_saved"): "positions of streams that are not found yet are among those that are saved",
    ("Streams", "_selective"): "streams are asked anew",
    ("Streams", "_have_looked"): "streams are looked for anew",
    ("StreamCursor", "stream"): "is the key of its position",
    ("StreamCursor", "dates"): "its parts are walked",
    ("StreamCursor", "_settings"): CONFIGURED,
    ("StreamCursor", "restarts"): COUNTS,
    ("StreamCursor", "trimmed"): COUNTS,
    ("StreamCursor", "_attempts"): "a missing stream is told of again; the rest counts",
    **{("StreamCursor", name): BEGINS for name in ("info", "looked_at", "spoke_at", "caught_up", "_generation")},
    **{("_Settings", name): CONFIGURED for name in ("filters", "pick", "selective", "patience")},
    **{("Patience", name): CONFIGURED for name in ("check", "stalled")},
    **{("_Attempts", name): "as StreamCursor._attempts" for name in ("absent", "failures", "handled_before")},
    **{
        ("_Generation", name): BEGINS
        for name in ("began_at", "before", "goal", "last_heard", "recognised", "pending", "searched")
    },
    ("Dates", "clock"): "the fleet's time stands in until the server has spoken (R12.56)",
    ("Dates", "last"): "is the time of the saved position",
    ("Dates", "misdated"): COUNTS,
    ("Dates", "_drained_at"): "who was cut off may read an older copy (R12.55)",
    ("Dates", "_looked_at"): BEGINS,
    **{("ServerClock", name): "as Dates.clock" for name in ("offset", "_looks", "_is_new")},
    ("ServerClock", "steps"): COUNTS,
    ("StreamsTime", "clock"): "as Dates.clock",
    ("StreamsTime", "is_behind"): "whoever goes on from a checkpoint does not know how long it was away",
    ("StreamsTime", "steps"): "its parts are walked",
    ("StreamsTime", "resumed_at"): "is `next` as the checkpoint before had it",
    ("StreamsTime", "dated"): "a batch that was not applied is read again, and judged then",
    **{("Steps", name): HANDED_IN for name in ("_taker", "_cursors", "_fleet", "_readiness")},
    ("Steps", "_complete"): "is found anew: with a checkpoint that needs no round at once",
    ("Steps", "_since"): "as _complete",
    ("Steps", "_left_out"): "a clock that stepped while nobody was there is a time without an aggregator",
    ("KeyframeRequests", "_children"): HANDED_IN,
    **{
        ("KeyframeRequests", name): "requests are asked for again at once; their writers answer one"
        for name in ("_patience", "_budgets", "_pace", "_delivered", "_siblings")
    },
    **{("_Pace", name): "as KeyframeRequests._pace" for name in ("_rate", "left", "_at")},
    **{("_Siblings", name): "as KeyframeRequests._siblings" for name in ("_children", "_known", "_counted")},
    ("Sweeper", "_accounts"): HANDED_IN,
    ("Sweeper", "_notices"): "writers are told each hour, and once more after a restart",
    ("Notices", "_warned_at"): "as Sweeper._notices",
    ("Sweeper", "_reported"): "what is found still is listed once more",
    ("Sweeper", "_swept_at"): "what is due is swept 10 s later",
    ("Accounts", "budget"): CONFIGURED,
    ("Accounts", "_subjects"): CONFIGURED,
    ("Accounts", "_most"): CONFIGURED,
    ("Accounts", "by_subject"): "counts since the program began; each subject has its full budget once more",
    ("Accounts", "overdrawn"): "paths over their budget are found again with their next message",
    ("Account", "path"): "as Accounts.by_subject",
    **{
        ("Account", name): "as Accounts.by_subject"
        for name in ("messages", "bytes", "seconds", "refused", "saved", "dropping", "_filled_at", "ticket")
    },
    **{("Budget", name): CONFIGURED for name in ("rate", "most_saved", "resumed_at")},
}
"""The fields that need not be saved, and why."""
NOT_WALKED: Final = frozenset({"Scope", "Surroundings", "Rebase", "Dated"})
"""Values that are handed in, or that a field holds as a whole."""


class Taker:
    """Takes steps of a second, and keeps none."""

    length = 1000
    retention = 3_600_000

    def take(self, at: int, *, live: bool) -> None:
        """Take one."""


def engine_of(incarnation: int) -> tuple[Engine, NetworkCollector]:
    """Make an engine that has read nothing, with a branch, commands and a history."""
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    fleet, events = Fleet(), EventList()
    network = NetworkCollector(fleet, events, own, lambda: BEGIN)
    around = Surroundings(network, SelfMetrics(own), lambda *_: None, history=Taker(), incarnation=incarnation)
    branches = BranchPatterns((("fog", "branch"),))
    scope = Scope(subjects=Subjects(), branches=branches, metrics="M", events="E", rollups="R", control="C")
    return Engine(scope, fleet, events, around), network


def command(number: int, kind: int, path: str, at: float) -> Message:
    """Make the message of an operator's command."""
    return Message(
        f"fog.v1.control.{path}", encode_command(Command(kind, comment="why", author="jo")), number, int(at * 1e9)
    )


def busy() -> tuple[Engine, NetworkCollector]:
    """Make an engine with something in each field that is saved."""
    engine, network = engine_of(incarnation=7)
    for cursor in engine.cursors.values():
        cursor.begin(StreamInfo("monday", 1, 9, 9, 0, BEGIN, None, 3600.0, BEGIN + 5, 9), 5.0)
    engine.until_step("M", [frame_of("fog/0", at=BEGIN)], 5.0)
    engine.on_batch("M", [frame_of("fog/0", at=BEGIN)], 5.0)
    commands = [
        command(1, QUARANTINE, "fog.0", BEGIN - 1),
        command(2, FORGET, "fog.0", BEGIN + 4),
        command(3, REBASE, "fog.branch", BEGIN + 4),
    ]
    engine.on_batch("C", commands, 5.0)
    engine._commands._origin.revisions.hear({("fog", "branch"): 3})  # noqa: SLF001 - a branch's aggregator has said it
    engine.fleet.settle_orders(BEGIN)
    engine.tick(5.0)
    assert engine.origin.revision
    return engine, network


def own_parts(root: Any) -> dict[str, list[Any]]:
    """Collect the engine's own objects by the name of their class, whatever of them holds them."""
    found: dict[str, list[Any]] = {}
    waiting, seen = [root], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple | set):
            waiting += one
        elif type(one).__module__.startswith(OWN) and type(one).__name__ not in NOT_WALKED:
            found.setdefault(type(one).__name__, []).append(one)
            waiting += [value for _, value in fields(one)]
    return found


def values(engine: Engine) -> Iterator[tuple[tuple[str, str], list[str]]]:
    """List what is saved, as text, in the order of streams."""
    parts = own_parts(engine)
    for name, field in sorted(SAVED):
        yield (name, field), sorted(repr(getattr(one, field)) for one in parts[name])


def test_every_field_of_an_engine_is_in_a_list() -> None:
    """And no list has a field that is gone."""
    found = {(name, field) for name, several in own_parts(busy()[0]).items() for field, _ in fields(several[0])}
    assert found - SAVED - set(TRANSIENT) == set()
    assert (SAVED | set(TRANSIENT)) - found == set()


def test_what_is_saved_is_as_it_was() -> None:
    """After a restart, with other numbers drawn; and each differs from how it begins."""
    engine, network = busy()
    image = read_image(b"".join(engine.image(network.ratchet).chunks()))
    before, fresh = dict(values(engine)), dict(values(engine_of(incarnation=8)[0]))
    restarted, shown = engine_of(incarnation=8)
    resume(restarted, shown, image, 6.0)
    for field, value in values(restarted):
        assert value == before[field], field
        assert value != fresh[field] or field == ("Readiness", "needs_round"), field
