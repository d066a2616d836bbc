"""Passwords that were right are remembered: some of them, and for the credentials of the file as it is now."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from fog_aggregator.components.http.access import logins as module
from fog_aggregator.components.http.access.credentials import Credential, hash_of_password, line_of
from fog_aggregator.components.http.access.logins import Logins


def basic(name: str, secret: str) -> str:
    """Return the header of a name and a secret."""
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


def write(file: Path, **passwords: str) -> None:
    """Write a file of users with passwords."""
    lines = [line_of(Credential(name, (), hash_of_password(text))) for name, text in passwords.items()]
    file.write_text("\n".join(lines) + "\n", "utf-8")


async def test_so_many_passwords_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was remembered first goes, and is compared again."""
    monkeypatch.setattr(module, "MOST_REMEMBERED", 2)
    write(tmp_path / "tokens", **dict.fromkeys(("a", "b", "c"), "secret"))
    logins = Logins(tmp_path / "tokens")
    for name in ("a", "b", "c", "a"):
        assert await logins.who(basic(name, "secret")) is not None
        assert len(logins._remembered) <= 2  # noqa: SLF001 - what memory it takes


async def test_a_password_that_was_changed_is_forgotten(tmp_path: Path) -> None:
    """The old one lets nobody in after the file was read anew, and the new one does."""
    file = tmp_path / "tokens"
    write(file, jo="old")
    logins = Logins(file)
    assert await logins.who(basic("jo", "old")) is not None
    write(file, jo="new")
    logins.reload()
    assert not logins._remembered  # noqa: SLF001 - no mark of a secret outlives it
    assert await logins.who(basic("jo", "old")) is None
    assert await logins.who(basic("jo", "new")) is not None
