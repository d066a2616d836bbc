"""The claims of a fleet's accounts. Pure.

The streams, and all who read them, are in one account; nodes are in another one, which imports the subjects that nodes
publish to. So the server sends the answer to a node's publish nowhere but into the account of nodes: a node that names
another's subject for its answers has nothing stored there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fog_cli.credentials.jwt import UNLIMITED
from fog_cli.credentials.roles import Role

_MOST_CONSUMERS: Final = 1_000
"""Readers of all streams at once: an aggregator has one for each, and a question about the past one for its time."""
_MOST_STREAMS: Final = 1_000
"""Each of a bounded size: a branch with streams of its own has two, and all together two more."""
_SERVICES: Final = ("metrics", "events")
"""The kinds of subjects that nodes publish to, and wait for an answer."""
_STREAMS: Final = ("resync",)
"""The kinds of subjects that nodes listen to."""

Signing = Sequence[tuple[Role, str]]
"""Roles with the public keys that sign their users."""


def system_account() -> dict[str, Any]:
    """Return the claims of the server's own account, which has no users."""
    return _claims({}, ())


def account(prefix: str, revoked: Mapping[str, int], signing: Signing) -> dict[str, Any]:
    """Return the claims of the account with the streams."""
    exports = [{"name": kind, "subject": f"{prefix}.{kind}.>", "type": how} for kind, how in _kinds()]
    storage = {"mem_storage": UNLIMITED, "disk_storage": UNLIMITED, "streams": _MOST_STREAMS}
    limits = {**storage, "max_bytes_required": True, "consumer": _MOST_CONSUMERS}
    return {**_claims(revoked, signing, limits), "exports": exports}


def nodes_account(prefix: str, revoked: Mapping[str, int], signing: Signing, fog: str) -> dict[str, Any]:
    """Return the claims of the account of nodes; `fog` is the public key of the account with the streams."""
    imports = [{"name": kind, "subject": f"{prefix}.{kind}.>", "account": fog, "type": how} for kind, how in _kinds()]
    return {**_claims(revoked, signing, {"leaf": 0}), "imports": imports}


def _kinds() -> list[tuple[str, str]]:
    return [*((kind, "service") for kind in _SERVICES), *((kind, "stream") for kind in _STREAMS)]


def _claims(revoked: Mapping[str, int], signing: Signing, limits: Mapping[str, int] | None = None) -> dict[str, Any]:
    return {
        "type": "account",
        "limits": {
            "subs": UNLIMITED,
            "data": UNLIMITED,
            "payload": UNLIMITED,
            "imports": UNLIMITED,
            "exports": UNLIMITED,
            "wildcards": True,
            "conn": UNLIMITED,
            "leaf": UNLIMITED,
            **(limits or {}),
        },
        "signing_keys": [
            {"kind": "user_scope", "key": key, "role": role.name, "template": role.template()} for role, key in signing
        ],
        "default_permissions": {"pub": {}, "sub": {}},
        "revocations": revoked,
    }
