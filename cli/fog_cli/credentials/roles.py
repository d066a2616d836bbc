"""Say what each kind of program may publish and hear. `{{tag(path)}}` stands for a user's path, as a subject has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from fog_bus.streams import OLD_NAMES, bucket_stream, leases_bucket, reader_names, stream_name
from fog_schema.paths import Path, ancestors
from fog_schema.subjects import Subjects

PATH, ANCESTOR, PARENT = "{{tag(path)}}", "{{tag(anc)}}", "{{tag(parent)}}"
READER, SUBTREE = "{{tag(reader)}}", "{{tag(subtree)}}"
_LOOK: Final = "$JS.API.STREAM.NAMES"
"""Which streams take some subjects: their names, and nothing of what they hold."""
_CONNECTIONS: Final = ["STANDARD", "WEBSOCKET"]
"""How a user may come: as a client, and no other server as a leaf."""
_KIB: Final = 1024
_LONGEST_COMMAND: Final = 64 * _KIB
_LONGEST_MESSAGE: Final = 256 * _KIB
"""Of a writer, which divides what is longer into frames that fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A kind of program.

    Attributes:
        name: The role's name.
        publish: Subjects that it may publish to.
        subscribe: Subjects that it may hear.
        inbox: The prefix of the inboxes that it must use (`--inbox-prefix`).
        has_path: Whether a user of it belongs to a path.
        has_readers: Whether it reads streams by a few names that belong to its path.
        is_outside: Whether it belongs to the account of nodes, from which nothing reaches the streams' account but
            what its users may publish: there the server sends an answer nowhere but to whoever asked.
        never: Subjects of messages that it is not given, wherever they are delivered.
        longest: Bytes of the longest message that it may publish.
        subscriptions: How many subscriptions it may have at once.
    """

    name: str
    publish: Sequence[str]
    subscribe: Sequence[str]
    inbox: str
    has_path: bool = False
    has_readers: bool = False
    is_outside: bool = False
    never: Sequence[str] = ()
    longest: int = _LONGEST_MESSAGE
    subscriptions: int = 64

    def template(self) -> dict[str, Any]:
        """Return the permissions as a scoped signing key of an account has them."""
        return {
            "pub": {"allow": list(self.publish)},
            "sub": {"allow": list(self.subscribe), "deny": list(self.never)},
            "subs": self.subscriptions,
            "data": -1,
            "payload": self.longest,
            "allowed_connection_types": _CONNECTIONS,
        }


def roles(prefix: str) -> dict[str, Role]:
    """Return all roles of a fog whose subjects begin with a prefix, by name."""
    admin = Role(
        name="admin",
        publish=["$JS.API.>"],
        subscribe=["_INBOX_ADMIN.>"],
        inbox="_INBOX_ADMIN",
        longest=_LONGEST_COMMAND,
    )
    found = (_node(prefix), _aggregator(prefix), _branch(prefix), _region(prefix), _operator(prefix), admin)
    return {role.name: role for role in found}


def _node(prefix: str) -> Role:
    return Role(
        name="node",
        publish=[f"{prefix}.metrics.{PATH}", f"{prefix}.events.{PATH}"],
        subscribe=[_inboxes(f"_INBOX_AGENT.{PATH}"), f"{prefix}.resync.{ANCESTOR}", f"{prefix}.resync.{PARENT}.*"],
        inbox=f"_INBOX_AGENT.{PATH}",
        has_path=True,
        is_outside=True,
        never=[*(f"{prefix}.{kind}.>" for kind in _OF_STREAMS), *_markers(prefix)],
        subscriptions=24,
    )


def _markers(prefix: str) -> list[str]:
    """Return subjects that nothing has, below those with a wildcard that a node listens to.

    A server looks at each delivery to a connection only once that listens to a wildcard which could have a denied
    subject: to requests (each version of nats-server), or to its inbox (2.12 and later).
    """
    return [f"{prefix}.resync.{ANCESTOR}.~", f"_INBOX_AGENT.{PATH}.*.~"]


def _aggregator(prefix: str) -> Role:
    return Role(
        name="aggregator",
        publish=[
            _LOOK,
            *_reading("*", "*"),
            "$JS.API.STREAM.MSG.GET.*",
            f"{prefix}.resync.>",
            f"{prefix}.alerts.>",
            f"$KV.{leases_bucket(Subjects(prefix))}.>",
        ],
        subscribe=["_INBOX_AGG.>", f"{prefix}.alerts.~verdicts", f"{prefix}.alerts.*.~verdicts"],
        inbox="_INBOX_AGG",
    )


def _branch(prefix: str) -> Role:
    return Role(
        name="branch",
        publish=[
            _LOOK,
            *_reading(READER, *_streams_of_branch(prefix)),
            *_at_and_under(f"{prefix}.resync.{PATH}"),
            *_at_and_under(f"{prefix}.alerts.{PATH}"),
            f"{prefix}.rollups.{PATH}",
            f"$JS.API.STREAM.MSG.GET.{bucket_stream(leases_bucket(Subjects(prefix)))}",
            f"$KV.{leases_bucket(Subjects(prefix))}.{PATH}.*",
        ],
        subscribe=[
            _inboxes(f"_INBOX_BRANCH.{PATH}"),
            f"{prefix}.resync.{ANCESTOR}",
            f"{prefix}.alerts.{PATH}.~verdicts",
            f"{prefix}.rollups.{PATH}",
        ],
        inbox=f"_INBOX_BRANCH.{PATH}",
        has_path=True,
        has_readers=True,
    )


def _region(prefix: str) -> Role:
    """Return a branch with branches of its own: it reads the stream of totals too, which has those of all branches.

    It may look at every stream, to name the branches below it that no aggregator reads.
    """
    branch = _branch(prefix)
    totals = [stream_name("rollups", Subjects(prefix)), OLD_NAMES["rollups"]]
    own = [f"$JS.API.STREAM.MSG.GET.{stream}" for stream in _streams_of_branch(prefix)[:2]]
    reading = ["$JS.API.STREAM.INFO.*", *_reading(READER, *totals), *own]
    return replace(branch, name="region", publish=[*branch.publish, *reading])


def _streams_of_branch(prefix: str) -> list[str]:
    """Return the names of the streams that a branch's aggregators read: its own, and that of commands.

    That of commands may have the name of an earlier version. A subtree's own had none then, and the old ones of metrics
    and events hold all branches.
    """
    metrics, events, control = (stream_name(kind, Subjects(prefix)) for kind in ("metrics", "events", "control"))
    return [f"{metrics}_{SUBTREE}", f"{events}_{SUBTREE}", control, OLD_NAMES["control"]]


def _operator(prefix: str) -> Role:
    readable = (one for kind in _READABLE for one in _at_and_under(f"{prefix}.{kind}.{PATH}"))
    return Role(
        name="operator",
        publish=[*_at_and_under(f"{prefix}.control.{PATH}"), *_at_and_under(f"{prefix}.resync.{PATH}")],
        subscribe=[_inboxes(f"_INBOX_OPERATOR.{PATH}"), *readable],
        inbox=f"_INBOX_OPERATOR.{PATH}",
        has_path=True,
        longest=_LONGEST_COMMAND,
    )


_READABLE: Final = ("metrics", "events", "rollups")
_OF_STREAMS: Final = ("metrics", "events", "control")
"""The kinds of subjects in the streams that a branch reads: it may have them delivered to whatever subject it names."""


def tags_of(path: Path) -> list[str]:
    """Return the tags of a user at a path, which put it into the templates; none for a user without one.

    The tokens of a path are of `[A-Za-z0-9_-]`, which its parser has seen to: nats-server puts a tag into a template as
    it is, and one with a `>` would open every subject.
    """
    if not path:
        return []
    parent = [f"parent:{'.'.join(path[:-1])}"] if path[1:] else []
    return [f"path:{'.'.join(path)}", *(f"anc:{'.'.join(place)}" for place in ancestors(path)), *parent]


def reader_tags(path: Path) -> list[str]:
    """Return the tags of a user that reads streams for a subtree: the end of their names, and its readers' names."""
    return [f"subtree:{'_'.join(path)}", *(f"reader:{name}" for name in reader_names(path))]


def inbox_of(role: Role, path: Path) -> str:
    """Return the prefix of inboxes that a user of a role at a path must use."""
    return role.inbox.replace(PATH, ".".join(path))


def _at_and_under(subject: str) -> list[str]:
    return [subject, f"{subject}.>"]


def _inboxes(prefix: str) -> str:
    """Return the inboxes of one user: two tokens more, as an inbox of a path below it has three or more."""
    return f"{prefix}.*.*"


def _reading(reader: str, *streams: str) -> list[str]:
    """Return the requests that reading streams takes, by readers of some names."""
    return [
        f"$JS.API.{request}.{stream}{rest}"
        for stream in streams
        for request, rest in (
            ("STREAM.INFO", ""),
            ("CONSUMER.CREATE", f".{reader}"),
            ("CONSUMER.MSG.NEXT", f".{reader}"),
            ("CONSUMER.DELETE", f".{reader}"),
        )
    ]
