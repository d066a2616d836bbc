"""Read the file of credentials: one a line, with the part of the tree that it shows and the hash of its secret.

    # name     shows    hash of the secret
    grafana    *        sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    team-0     fog/0    scrypt:16384:8:1:c2FsdHNhbHRzYWx0:…
    jo         fog/0    sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752    silence

A token is random and long, so that SHA-256 is enough; a password that people choose is hashed by scrypt (RFC 7914).
With `silence` behind it a login may make and end silences at and under its path, where the aggregator takes them.
Pure: the file's text is handed in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from fog_schema.errors import PathError
from fog_schema.paths import Path, parse_path

MOST_CREDENTIALS: Final = 10_000
MOST_SECRET: Final = 1_024
"""Bytes of a secret that are looked at."""
EVERYTHING: Final = "*"
_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_COST, _BLOCK, _LANES = 2**14, 8, 1
_MOST_COST: Final = 2**17
_MOST_MEMORY: Final = 256 * 2**20
_FIELDS: Final = 3
_MAY_SILENCE: Final = "silence"
_TOKEN_BYTES: Final = 32


class CredentialsError(ValueError):
    """The file cannot be used; the text says where and what to write."""


class Hash(Protocol):
    """The hash of a secret."""

    def matches(self, secret: str) -> bool:
        """Tell whether this is the secret."""


@dataclass(frozen=True, slots=True)
class TokenHash:
    """The SHA-256 of a token, in hexadecimal digits."""

    digest: str

    def matches(self, secret: str) -> bool:
        """Tell whether this is the token."""
        return hmac.compare_digest(digest_of(secret), self.digest)


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """The scrypt hash of a password (RFC 7914): cost, block size and lanes as there. Takes some 50 ms to compare."""

    cost: int
    block: int
    lanes: int
    salt: bytes
    key: bytes

    def matches(self, secret: str) -> bool:
        """Tell whether this is the password."""
        return hmac.compare_digest(_scrypt(secret, self.salt, self.cost, self.block, self.lanes), self.key)


@dataclass(frozen=True, slots=True)
class Credential:
    """One line of the file.

    Attributes:
        name: Of the user.
        shows: The root of the subtree that it shows; empty for everything.
        hash: Of the secret.
        may_silence: Whether who logs in so may make and end silences at and under that root.
    """

    name: str
    shows: Path
    hash: TokenHash | PasswordHash
    may_silence: bool = False


class Credentials:
    """All credentials of a file, by name and by token.

    Args:
        found: The credentials; names are unique.
    """

    def __init__(self, found: Iterable[Credential] = ()) -> None:
        self._by_name = {one.name: one for one in found}
        self._by_digest = {one.hash.digest: one for one in self._by_name.values() if isinstance(one.hash, TokenHash)}

    def __len__(self) -> int:
        return len(self._by_name)

    def of_token(self, secret: str) -> Credential | None:
        """Return whose token this is."""
        return self._by_digest.get(digest_of(secret))

    def named(self, name: str) -> Credential | None:
        """Return the credential of a name."""
        return self._by_name.get(name)


def parse_credentials(text: str, file: str) -> Credentials:
    """Parse the text of a file; `file` names it in errors.

    Raises:
        CredentialsError: A line is wrong, a name comes twice, or the file has no credential.
    """
    found: dict[str, Credential] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            one = _credential(line)
            if one.name in found:
                raise ValueError(f"the name {one.name!r} comes twice")  # noqa: TRY301 - one way to say where
        except ValueError as error:
            raise CredentialsError(f"{file}, line {number}: {error}") from None
        found[one.name] = one
        if len(found) > MOST_CREDENTIALS:
            raise CredentialsError(f"{file} has more than {MOST_CREDENTIALS} credentials")
    if not found:
        raise CredentialsError(f"{file} has no credential, so nobody could log in: make one with `fog token`")
    return Credentials(list(found.values()))


def line_of(credential: Credential) -> str:
    """Return a credential as a line of the file."""
    one = credential.hash
    if isinstance(one, TokenHash):
        text = f"sha256:{one.digest}"
    else:
        text = f"scrypt:{one.cost}:{one.block}:{one.lanes}:{_base64(one.salt)}:{_base64(one.key)}"
    right = f" {_MAY_SILENCE}" if credential.may_silence else ""
    return f"{credential.name} {'/'.join(credential.shows) or EVERYTHING} {text}{right}"


def new_token() -> tuple[str, TokenHash]:
    """Draw a token; return it, and its hash."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return token, TokenHash(digest_of(token))


def hash_of_password(password: str) -> PasswordHash:
    """Hash a password with a salt of its own."""
    salt = secrets.token_bytes(16)
    return PasswordHash(_COST, _BLOCK, _LANES, salt, _scrypt(password, salt, _COST, _BLOCK, _LANES))


def check_name(name: str) -> str:
    """Return a name of a user that is one.

    Raises:
        ValueError: It is not.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"the name {name[:80]!r} is not allowed: write 1 to 64 of A-Z, a-z, 0-9, _ . @ and -")
    return name


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _credential(line: str) -> Credential:
    fields = line.split()
    right = fields[_FIELDS:]
    if len(fields) < _FIELDS or right not in ([], [_MAY_SILENCE]):
        raise ValueError("a name, a path or *, and a hash are needed, and perhaps `silence`, as of `fog token`")
    name, shows, text = fields[:_FIELDS]
    try:
        path = () if shows == EVERYTHING else parse_path(shows)
    except PathError as error:
        raise ValueError(str(error)) from None
    return Credential(check_name(name), path, _hash(text), bool(right))


def _hash(text: str) -> TokenHash | PasswordHash:
    kind, *rest = text.split(":")
    if kind == "sha256" and len(rest) == 1 and _DIGEST.fullmatch(rest[0]):
        return TokenHash(rest[0])
    try:
        cost, block, lanes = (int(number) for number in rest[:3])
        salt, key = (base64.b64decode(part, validate=True) for part in rest[3:])
        fits = 1 < cost <= _MOST_COST and 0 < block <= _BLOCK and 0 < lanes <= _BLOCK and salt and key
        if kind == "scrypt" and fits:
            return PasswordHash(cost, block, lanes, salt, key)
    except (ValueError, binascii.Error):
        pass
    raise ValueError("the hash is neither sha256:DIGITS nor scrypt:N:r:p:SALT:KEY, as `fog token` writes them")


def _scrypt(secret: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        secret.encode()[:MOST_SECRET], salt=salt, n=cost, r=block, p=lanes, dklen=32, maxmem=_MOST_MEMORY
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
