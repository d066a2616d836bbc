"""Say what each kind of program may publish and hear. `{{tag(path)}}` stands for a user's path, as a subject has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fog_bus.streams import CONTROL, EVENTS, METRICS, ROLLUPS
from fog_schema.paths import Path, ancestors

PATH, ANCESTOR = "{{tag(path)}}", "{{tag(anc)}}"


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of program.

    Attributes:
        name: The role's name.
        publish: Subjects that it may publish to.
        subscribe: Subjects that it may hear.
        inbox: The prefix of the inboxes that it must use (`--inbox-prefix`).
        has_path: Whether a user of it belongs to a path.
    """

    name: str
    publish: Sequence[str]
    subscribe: Sequence[str]
    inbox: str
    has_path: bool = False

    def template(self) -> dict[str, Any]:
        """Return the permissions as a scoped signing key of an account has them."""
        return {
            "pub": {"allow": list(self.publish)},
            "sub": {"allow": list(self.subscribe)},
            "subs": -1,
            "data": -1,
            "payload": -1,
        }


def roles(prefix: str) -> dict[str, Role]:
    """Return all roles of a fog whose subjects begin with a prefix, by name."""
    found = (
        Role(
            "node",
            [f"{prefix}.metrics.{PATH}", f"{prefix}.events.{PATH}"],
            [f"_INBOX_AGENT.{PATH}.>", f"{prefix}.resync.{ANCESTOR}"],
            f"_INBOX_AGENT.{PATH}",
            has_path=True,
        ),
        Role(
            "aggregator",
            [*_reading(METRICS, EVENTS, CONTROL, ROLLUPS), f"{prefix}.resync.>", f"{prefix}.alerts.>"],
            ["_INBOX_AGG.>", f"{prefix}.alerts.~verdicts"],
            "_INBOX_AGG",
        ),
        Role(
            "branch",
            [
                *_reading(METRICS, EVENTS, CONTROL),
                *_at_and_under(f"{prefix}.resync.{PATH}"),
                *_at_and_under(f"{prefix}.alerts.{PATH}"),
                f"{prefix}.rollups.{PATH}",
            ],
            [f"_INBOX_BRANCH.{PATH}.>", f"{prefix}.resync.{ANCESTOR}", f"{prefix}.alerts.{PATH}.~verdicts"],
            f"_INBOX_BRANCH.{PATH}",
            has_path=True,
        ),
        Role(
            "operator",
            _at_and_under(f"{prefix}.control.{PATH}"),
            ["_INBOX_OPERATOR.>"],
            "_INBOX_OPERATOR",
            has_path=True,
        ),
        Role("admin", ["$JS.API.>"], ["_INBOX_ADMIN.>"], "_INBOX_ADMIN"),
    )
    return {role.name: role for role in found}


def tags_of(path: Path) -> list[str]:
    """Return the tags of a user at a path, which put it into the templates; none for a user without one.

    The tokens of a path are of `[A-Za-z0-9_-]`, which its parser has seen to: nats-server puts a tag into a template as
    it is, and one with a `>` would open every subject.
    """
    if not path:
        return []
    return [f"path:{'.'.join(path)}", *(f"anc:{'.'.join(place)}" for place in ancestors(path))]


def inbox_of(role: Role, path: Path) -> str:
    """Return the prefix of inboxes that a user of a role at a path must use."""
    return role.inbox.replace(PATH, ".".join(path))


def _at_and_under(subject: str) -> list[str]:
    return [subject, f"{subject}.>"]


def _reading(*streams: str) -> list[str]:
    """Return the requests that reading streams takes."""
    return [
        f"$JS.API.{request}.{stream}{rest}"
        for stream in streams
        for request, rest in (
            ("STREAM.INFO", ""),
            ("CONSUMER.CREATE", ".>"),
            ("CONSUMER.MSG.NEXT", ".*"),
            ("CONSUMER.DELETE", ".*"),
        )
    ]
