"""The table of rights: what may be tried, and which users the server lets do it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

USERS: Final = ("node", "branch", "aggregator", "operator", "admin")
"""The node fog/0/3, the aggregators of the branch fog/0, of the root, an operator of the whole, the administrator."""
NOBODY: Final = "no login"
OWN, OTHER = "FOG_V1_METRICS_fog_0", "FOG_V1_METRICS_fog_1"
"""The streams of metrics of two branches."""


class Deed(NamedTuple):
    """Something to try.

    Args:
        what: For people; the row of the table.
        subject: The subject.
        allowed: The users who may.
        hears: Whether the subject is listened to; else something is published there.
    """

    what: str
    subject: str
    allowed: tuple[str, ...] = ()
    hears: bool = False


def _hear(what: str, subject: str, *allowed: str) -> Deed:
    return Deed(f"hear {what}", subject, allowed, hears=True)


def _publish(what: str, subject: str, *allowed: str) -> Deed:
    return Deed(f"publish {what}", subject, allowed)


def _ask(what: str, call: str, *allowed: str) -> Deed:
    return Deed(what, f"$JS.API.{call}", (*allowed, "admin"))


def _of_readers() -> Iterator[Deed]:
    reading = (
        ("make", "CREATE", "branch", "aggregator"),
        ("read from", "MSG.NEXT", "branch", "aggregator"),
        ("delete", "DELETE", "branch", "aggregator"),
    )
    for verb, call, *allowed in reading:
        yield _ask(f"{verb} a reader of metrics of the branch fog/0", f"CONSUMER.{call}.{OWN}.fog~0+0", *allowed)
        yield _ask(f"{verb} one of the branch fog/1", f"CONSUMER.{call}.{OTHER}.fog~1+0", "aggregator")
    yield _ask("make a reader of the metrics of the rest", "CONSUMER.CREATE.FOG_V1_METRICS.fog~0+0", "aggregator")
    yield _ask("make a ninth reader for fog/0", f"CONSUMER.CREATE.{OWN}.fog~0+8", "aggregator")
    yield _ask("make a reader of commands", "CONSUMER.CREATE.FOG_V1_CONTROL.fog~0+0", "branch", "aggregator")
    yield _ask(
        "make one of commands of an earlier version", "CONSUMER.CREATE.FOG_CONTROL.fog~0+0", "branch", "aggregator"
    )
    yield _ask("make one of metrics of an earlier version", "CONSUMER.CREATE.FOG_METRICS.fog~0+0", "aggregator")
    yield _ask("make a reader of rollups", "CONSUMER.CREATE.FOG_V1_ROLLUPS.fog~0+0", "aggregator")
    yield _ask("make a reader without a name", "CONSUMER.CREATE.FOG_V1_METRICS")
    yield _ask("make a durable reader", f"CONSUMER.DURABLE.CREATE.{OWN}.fog~0+0")
    yield _ask("list readers", "CONSUMER.NAMES.FOG_V1_METRICS")


DEEDS: Final = (
    _publish("metrics of fog/0/3", "fog.v1.metrics.fog.0.3", "node"),
    _publish("events of fog/0/3", "fog.v1.events.fog.0.3", "node"),
    _publish("metrics of a sibling, fog/0/4", "fog.v1.metrics.fog.0.4"),
    _publish("metrics of the parent, fog/0", "fog.v1.metrics.fog.0"),
    _publish("metrics of a child, fog/0/3/1", "fog.v1.metrics.fog.0.3.1"),
    _publish("events of a sibling, fog/0/4", "fog.v1.events.fog.0.4"),
    _publish("totals of the branch fog/0", "fog.v1.rollups.fog.0", "branch"),
    _publish("totals of the branch fog/1", "fog.v1.rollups.fog.1"),
    _publish("totals of fog/0/1", "fog.v1.rollups.fog.0.1"),
    _publish("a command to fog/0/3", "fog.v1.control.fog.0.3", "operator"),
    _publish("a command to fog", "fog.v1.control.fog", "operator"),
    _publish("a request to fog/0 and below", "fog.v1.resync.fog.0", "branch", "aggregator", "operator"),
    _publish("a request to fog/0/3", "fog.v1.resync.fog.0.3", "branch", "aggregator", "operator"),
    _publish("a request to fog/1", "fog.v1.resync.fog.1", "aggregator", "operator"),
    _publish("a request to all", "fog.v1.resync.fog", "aggregator", "operator"),
    _publish("an alert of fog/0", "fog.v1.alerts.fog.0", "branch", "aggregator"),
    _publish("an alert of fog/1", "fog.v1.alerts.fog.1", "aggregator"),
    _publish("verdicts to the other one of the branch's pair", "fog.v1.alerts.fog.0.~verdicts", "branch", "aggregator"),
    _publish("verdicts to the other one of the root's pair", "fog.v1.alerts.~verdicts", "aggregator"),
    _publish("the lease of a receiver of fog/0", "$KV.FOG_V1_LEASES.fog.0.mimir", "branch", "aggregator"),
    _publish("that of a receiver of fog/1", "$KV.FOG_V1_LEASES.fog.1.mimir", "aggregator"),
    _publish("that of a receiver of fog/0/1", "$KV.FOG_V1_LEASES.fog.0.1.mimir", "aggregator"),
    _publish("that of a receiver of a root at fog", "$KV.FOG_V1_LEASES.fog.mimir", "aggregator"),
    _publish("an answer to the node fog/0/3", "_INBOX_AGENT.fog.0.3.a.1"),
    _publish("an answer to an aggregator", "_INBOX_AGG.a.1"),
    _publish("an answer to an operator", "_INBOX_OPERATOR.fog.a.1"),
    _publish("an acknowledgement of a reader", "$JS.ACK.FOG_V1_METRICS_fog_0.fog~0+0.1.1.1.1.0"),
    _publish("a question to the server itself", "$SYS.REQ.SERVER.PING"),
    _hear("everything", ">"),
    _hear("all metrics", "fog.v1.metrics.fog.>", "operator"),
    _hear("all events", "fog.v1.events.fog.>", "operator"),
    _hear("all totals", "fog.v1.rollups.fog.>", "operator"),
    _hear("totals of the branch fog/0", "fog.v1.rollups.fog.0", "branch", "operator"),
    _hear("totals of the branch fog/1", "fog.v1.rollups.fog.1", "operator"),
    _hear("commands", "fog.v1.control.>"),
    _hear("alerts", "fog.v1.alerts.>"),
    _hear("verdicts of the branch's pair", "fog.v1.alerts.fog.0.~verdicts", "branch"),
    _hear("verdicts of the root's pair", "fog.v1.alerts.~verdicts", "aggregator"),
    _hear("verdicts of the pair of a root at fog", "fog.v1.alerts.fog.~verdicts", "aggregator"),
    _hear("requests to all", "fog.v1.resync.fog", "node", "branch"),
    _hear("requests to fog/0/3", "fog.v1.resync.fog.0.3", "node"),
    _hear("requests to fog/0/3 and its siblings", "fog.v1.resync.fog.0.*", "node"),
    _hear("requests to fog/1", "fog.v1.resync.fog.1"),
    _hear("requests to all children of fog", "fog.v1.resync.fog.*"),
    _hear("answers to the node fog/0/3", "_INBOX_AGENT.fog.0.3.*.*", "node"),
    _hear("answers to a child, fog/0/3/1", "_INBOX_AGENT.fog.0.3.1.*.*"),
    _hear("answers to a sibling, fog/0/4", "_INBOX_AGENT.fog.0.4.*.*"),
    _hear("answers to the branch fog/0", "_INBOX_BRANCH.fog.0.*.*", "branch"),
    _hear("answers to the branch fog/0/1", "_INBOX_BRANCH.fog.0.1.*.*"),
    _hear("answers to the root's aggregators", "_INBOX_AGG.>", "aggregator"),
    _hear("answers to an operator of fog", "_INBOX_OPERATOR.fog.*.*", "operator"),
    _hear("the server's own events", "$SYS.>"),
    _hear("what JetStream tells of its streams", "$JS.EVENT.>"),
    _ask("look at the stream of metrics of the branch fog/0", f"STREAM.INFO.{OWN}", "branch", "aggregator"),
    _ask("look at that of the branch fog/1", f"STREAM.INFO.{OTHER}", "aggregator"),
    _ask("look at the stream of metrics of the rest", "STREAM.INFO.FOG_V1_METRICS", "aggregator"),
    _ask("look at the stream of commands", "STREAM.INFO.FOG_V1_CONTROL", "branch", "aggregator"),
    _ask("look at that of an earlier version, FOG_CONTROL", "STREAM.INFO.FOG_CONTROL", "branch", "aggregator"),
    _ask("look at the stream of totals", "STREAM.INFO.FOG_V1_ROLLUPS", "aggregator"),
    _ask("look for streams by what they take", "STREAM.NAMES", "branch", "aggregator"),
    _ask("list streams with what they hold", "STREAM.LIST"),
    _ask("create a stream", "STREAM.CREATE.FOG_V1_METRICS"),
    _ask("change a stream", "STREAM.UPDATE.FOG_V1_METRICS"),
    _ask("purge a stream", "STREAM.PURGE.FOG_V1_METRICS"),
    _ask("delete a stream", "STREAM.DELETE.FOG_V1_METRICS"),
    _ask("delete a message", "STREAM.MSG.DELETE.FOG_V1_METRICS"),
    _ask("get a message of the branch fog/0", f"STREAM.MSG.GET.{OWN}", "aggregator"),
    _ask("read a lease", "STREAM.MSG.GET.KV_FOG_V1_LEASES", "branch", "aggregator"),
    _ask("create the bucket of leases", "STREAM.CREATE.KV_FOG_V1_LEASES"),
    _ask("get a message directly", "DIRECT.GET.FOG_V1_METRICS"),
    *_of_readers(),
)


def table() -> str:
    """Return the table as the document has it."""
    columns = (*USERS, NOBODY)
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    lines += [
        f"| {deed.what} | {' | '.join('yes' if user in deed.allowed else '·' for user in columns)} |" for deed in DEEDS
    ]
    return "\n".join(lines)
