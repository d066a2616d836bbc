"""Passwords that were right are remembered: some of them, and for the credentials of the file as it is now."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from fog_aggregator.components.http.access import logins as module
from fog_aggregator.components.http.access.credentials import (
    Credential,
    CredentialsError,
    PasswordHash,
    hash_of_password,
    line_of,
)
from fog_aggregator.components.http.access.logins import Logins


def basic(name: str, secret: str) -> str:
    """Return the header of a name and a secret."""
    return "Basic " + b64encode(f"{name}:{secret}".encode()).decode()


def write(file: Path, **passwords: str) -> None:
    """Write a file of users with passwords."""
    lines = [line_of(Credential(name, (), hash_of_password(text))) for name, text in passwords.items()]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    file.chmod(0o600)


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


async def test_a_password_that_is_remembered_is_its_users_alone(tmp_path: Path) -> None:
    """It is not compared again for him; another user does not come in with it."""
    write(tmp_path / "tokens", jo="secret", ann="other")
    logins = Logins(tmp_path / "tokens")
    for _ in range(2):
        assert await logins.who(basic("jo", "secret")) is not None
        assert await logins.who(basic("ann", "secret")) is None
        assert await logins.who(basic("nobody", "secret")) is None
    assert not logins._waiting  # noqa: SLF001 - nothing is kept of a client that waits no more


async def test_a_password_that_is_remembered_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each scrape sends it again, and a comparison takes 50 ms."""
    write(tmp_path / "tokens", jo="secret")
    logins, matches = Logins(tmp_path / "tokens"), PasswordHash.matches
    compared: list[str] = []

    def counted(self: PasswordHash, text: str) -> bool:
        compared.append(text)
        return matches(self, text)

    monkeypatch.setattr(PasswordHash, "matches", counted)
    for _ in range(3):
        assert await logins.who(basic("jo", "secret")) is not None
    assert compared == ["secret"]


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_file_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """The group, or everybody."""
    write(tmp_path / "tokens", jo="secret")
    (tmp_path / "tokens").chmod(mode)
    with pytest.raises(CredentialsError, match="chmod go-w"):
        Logins(tmp_path / "tokens")
