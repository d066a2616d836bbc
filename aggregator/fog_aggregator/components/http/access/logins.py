"""Find out who asks: by a bearer token (RFC 6750), or by name and secret (RFC 7617)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
import secrets
import stat
from collections import Counter, OrderedDict
from pathlib import Path as FilePath
from typing import Final

from fog_aggregator.components.http.access.credentials import (
    MOST_SECRET,
    Credential,
    Credentials,
    CredentialsError,
    PasswordHash,
    hash_of_password,
    parse_credentials,
)

MOST_FILE: Final = 4 * 2**20
MOST_WAITING: Final = 32
"""Passwords that wait to be compared; each takes some 50 ms of a core, one after the other."""
OF_A_CLIENT: Final = 2
"""… and so many of one client: whoever tries out passwords must not keep others out."""
MOST_REMEMBERED: Final = 1_000


class TooManyLoginsError(Exception):
    """Too many passwords wait to be compared."""


class Logins:
    """The credentials of a file, and whom they let in. Belongs to one event loop.

    A password that was right is remembered under a keyed hash, as every scrape sends it again.

    Args:
        file: The file; the text is read at once, and by `reload`.

    Raises:
        CredentialsError: It cannot be read, is not what it must be, or others may write to it.
    """

    def __init__(self, file: FilePath) -> None:
        self._file = file
        self._credentials = _read(file)
        self._key = secrets.token_bytes(32)
        self._remembered: OrderedDict[bytes, None] = OrderedDict()
        self._comparing = asyncio.Lock()
        self._waiting: Counter[str] = Counter()
        self._nobody = hash_of_password(secrets.token_urlsafe())

    def reload(self) -> None:
        """Read the file anew.

        Raises:
            CredentialsError: It cannot be used; those before stay.
        """
        self._credentials = _read(self._file)
        self._remembered.clear()

    async def who(self, header: str, client: str = "") -> Credential | None:
        """Return who sent an Authorization header; None for nobody that is known.

        A name that is not there takes as long as a wrong password does.

        Args:
            header: The header's value.
            client: The address that it came from.

        Raises:
            TooManyLoginsError: Too many passwords wait to be compared.
        """
        if not header.isascii():
            return None  # no secret of ours; what is no UTF-8 could not even be hashed
        scheme, _, value = header.partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer":
            return self._credentials.of_token(value[:MOST_SECRET])
        if scheme.lower() != "basic":
            return None
        name, secret = _name_and_secret(value)
        found = self._credentials.named(name)
        if found is None:
            await self._is_password(None, self._nobody, secret, client)
            return None
        if isinstance(found.hash, PasswordHash):
            return found if await self._is_password(found, found.hash, secret, client) else None
        return found if found.hash.matches(secret) else None

    async def _is_password(self, user: Credential | None, known: PasswordHash, secret: str, client: str) -> bool:
        mark = hmac.digest(self._key, known.key + secret.encode(), "sha256")
        if mark in self._remembered:
            return True
        if self._waiting.total() >= MOST_WAITING or self._waiting[client] >= OF_A_CLIENT:
            raise TooManyLoginsError
        self._waiting[client] += 1
        try:
            async with self._comparing:
                right = await asyncio.to_thread(known.matches, secret)
        finally:
            self._waiting[client] -= 1
            self._waiting = +self._waiting  # without those that wait no more
        if right and user is not None and self._credentials.named(user.name) is user:
            self._remembered[mark] = None
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return right


def _name_and_secret(value: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(value[: 2 * MOST_SECRET], validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    name, _, secret = text.partition(":")
    return name, secret[:MOST_SECRET]


def _read(file: FilePath) -> Credentials:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            data = opened.read(MOST_FILE + 1)
        text = data.decode()
    except OSError as error:
        raise CredentialsError(f"the credentials {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CredentialsError(f"{file} is no text: write lines as `fog token` does") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CredentialsError(f"{file} may be written by others than its owner: chmod go-w {file}")
    if len(data) > MOST_FILE:
        raise CredentialsError(f"{file} is longer than {MOST_FILE} bytes")
    return parse_credentials(text, str(file))
