"""Write and read the JWTs of nats-server: signed claims of version 2. Pure, but for random keys."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from typing import Any, Final

import nkeys

VERSION: Final = 2
_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}
UNLIMITED: Final = -1
_USER: Final = re.compile(r"U[A-Z2-7]{55}")
"""The public key of a user: to a server, a revocation of `*` would be one of everybody."""


def new_key(kind: int) -> nkeys.KeyPair:
    """Draw a key of a kind: one of the PREFIX_BYTE_… of `nkeys`."""
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), kind))


def public(key: nkeys.KeyPair) -> str:
    """Return the public key as text."""
    return str(key.public_key.decode())


def seed(key: nkeys.KeyPair) -> str:
    """Return the seed as text: the secret itself."""
    return bytes(key.seed).decode()


def sign(issuer: nkeys.KeyPair, subject: str, name: str, claims: Mapping[str, Any], issued_at: int) -> str:
    """Return a JWT.

    Args:
        issuer: The key that signs.
        subject: The public key of whom it is about.
        name: For people.
        claims: The part `nats`, without its version.
        issued_at: Unix seconds.
    """
    body: dict[str, Any] = {
        "iat": issued_at,
        "iss": public(issuer),
        "name": name,
        "sub": subject,
        "nats": {**claims, "version": VERSION},
    }
    body["jti"] = base64.b32encode(hashlib.sha256(_json(body)).digest()).decode().rstrip("=")
    text = f"{_base64(_json(_HEADER))}.{_base64(_json(body))}"
    return f"{text}.{_base64(issuer.sign(text.encode()))}"


def read(jwt: str) -> dict[str, Any]:
    """Return the claims of a JWT, whoever signed it.

    Raises:
        ValueError: It is none.
    """
    parts = jwt.strip().split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError):
        claims = None
    is_user = (
        isinstance(claims, dict)
        and isinstance(claims.get("nats"), dict)
        and isinstance(claims.get("iat"), int)
        and _USER.fullmatch(str(claims.get("sub")))
    )
    if not is_user:
        raise ValueError("it is no JWT of a user")
    return dict(claims)


def user_file(jwt: str, key: nkeys.KeyPair) -> str:
    """Return a credentials file, as clients of NATS read it."""
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{seed(key)}\n------END USER NKEY SEED------\n"
    )


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
