"""The folder of an operator's keys: seeds in files of mode 0600, and what a server is given of them."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any, Final

import nkeys

from fog_cli.credentials.accounts import account, nodes_account, system_account
from fog_cli.credentials.jwt import new_key, public, read, seed, sign, user_file
from fog_cli.credentials.roles import Role, inbox_of, reader_tags, roles, tags_of
from fog_cli.errors import CommandError, UsageError
from fog_cli.private_files import PRIVATE, alone_in, write_private
from fog_schema.paths import Path

CONFIG: Final = "resolver.conf"
_SETTINGS: Final = "fog.json"
_KEYS: Final = {
    "operator": nkeys.PREFIX_BYTE_OPERATOR,
    "system": nkeys.PREFIX_BYTE_ACCOUNT,
    "account": nkeys.PREFIX_BYTE_ACCOUNT,
    "nodes": nkeys.PREFIX_BYTE_ACCOUNT,
}
_ACCOUNTS: Final = ("account", "nodes")
_LATER: Final = ("region",)
"""Roles that folders of earlier versions have no key of: it is drawn when it is needed."""


class Folder:
    """The keys of a fleet in a directory.

    Args:
        directory: The directory.
    """

    def __init__(self, directory: FilePath) -> None:
        self._directory = directory

    def make(self, prefix: str) -> None:
        """Draw all keys, and write the server's configuration.

        Raises:
            CommandError: There are keys already, or the directory cannot be written.
        """
        if (self._directory / _SETTINGS).exists():
            raise CommandError(f"{self._directory} has keys already; a fleet keeps them, or begins anew elsewhere")
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, kind in _KEYS.items():
            self._write(f"{name}.nk", seed(new_key(kind)) + "\n")
        for name in roles(prefix):
            self._write(f"role-{name}.nk", seed(new_key(nkeys.PREFIX_BYTE_ACCOUNT)) + "\n")
        operator, claims = self._key("operator"), {"type": "operator", "system_account": public(self._key("system"))}
        jwt = sign(operator, public(operator), "fog", claims, int(time.time()))  # a server does not take another later
        self._write(_SETTINGS, json.dumps({"prefix": prefix, "operator": jwt, "revoked": {}}) + "\n")
        self._write_config()

    def add(self, role_name: str, path: Path, name: str) -> FilePath:
        """Make a user of a role; return its credentials file.

        Raises:
            CommandError: There is such a file, or the folder cannot be used.
        """
        settings = self._settings()
        role = roles(settings["prefix"])[role_name]
        self._draw_later(role)
        issuer, account, key = self._key(f"role-{role.name}"), self._key(_of(role)), new_key(nkeys.PREFIX_BYTE_USER)
        tags = tags_of(path) + (reader_tags(path) if role.has_readers else [])
        claims: dict[str, Any] = {"type": "user", "issuer_account": public(account), "tags": tags}
        jwt = sign(issuer, public(key), name, claims, int(time.time()))
        file = self._directory / f"{name}.creds"
        if file.exists():
            raise CommandError(f"{file} exists: revoke it first, or move it away")
        self._write(file.name, user_file(jwt, key))
        return file

    def inbox(self, role_name: str, path: Path) -> str:
        """Return the prefix of inboxes that a program with these credentials must use."""
        return inbox_of(roles(self._settings()["prefix"])[role_name], path)

    def revoke(self, file: FilePath) -> None:
        """Refuse a user from now on; the server has to read its configuration anew.

        Raises:
            CommandError: The file is no credentials file, or of another fleet.
        """
        try:
            lines = file.read_text("utf-8").splitlines()
            claims = read(next(line for line in lines if line.startswith("ey")))
        except (OSError, ValueError, StopIteration) as error:
            raise CommandError(f"{file} is no credentials file: {str(error) or 'it has no JWT'}") from None
        if claims["nats"].get("issuer_account") not in [public(self._key(name)) for name in _ACCOUNTS]:
            raise CommandError(f"{file} is of another fleet than the keys in {self._directory}")
        with alone_in(self._directory):
            settings = self._settings()
            settings["revoked"][claims["sub"]] = max(int(time.time()), claims["iat"])  # a clock may have been set back
            self._write(_SETTINGS, json.dumps(settings) + "\n")
            self._write_config()
            file.unlink()

    def _write_config(self) -> None:
        """Write what a server must know: public keys, roles and the revoked; no seed."""
        settings, now = self._settings(), int(time.time())
        operator, system, fog, nodes = (self._key(name) for name in _KEYS)
        prefix, revoked = settings["prefix"], settings["revoked"]
        inside, outside = ([role for role in roles(prefix).values() if role.is_outside is out] for out in (False, True))
        claims = {
            "SYS": (system, system_account()),
            "FOG": (fog, account(prefix, revoked, self._signing(inside))),
            "NODES": (nodes, nodes_account(prefix, revoked, self._signing(outside), public(fog))),
        }
        jwts = {public(key): sign(operator, public(key), name, what, now) for name, (key, what) in claims.items()}
        preload = "\n".join(f"  {name}: {jwt}" for name, jwt in jwts.items())
        self._write(
            CONFIG,
            "# Made by `fog creds`: public keys and permissions, no secret. After a change reload the server.\n"
            f"operator: {settings['operator']}\n"
            f"system_account: {public(system)}\nresolver: MEMORY\nresolver_preload: {{\n{preload}\n}}\n",
            mode=0o644,
        )

    def _signing(self, chosen: Sequence[Role]) -> list[tuple[Role, str]]:
        """Return roles with the public keys that sign their users."""
        return [(role, public(self._key(f"role-{role.name}"))) for role in chosen if not self._lacks(role)]

    def _lacks(self, role: Role) -> bool:
        return role.name in _LATER and not (self._directory / f"role-{role.name}.nk").exists()

    def _draw_later(self, role: Role) -> None:
        """Draw the key of a role that the version which made the folder did not know."""
        with alone_in(self._directory):
            if self._lacks(role):
                self._write(f"role-{role.name}.nk", seed(new_key(nkeys.PREFIX_BYTE_ACCOUNT)) + "\n")
                self._write_config()

    def _settings(self) -> dict[str, Any]:
        file = self._directory / _SETTINGS
        try:
            settings: dict[str, Any] = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{self._directory} has no keys: make them with `fog creds init`") from None
        except (OSError, ValueError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from None
        return settings

    def _key(self, name: str) -> nkeys.KeyPair:
        file = self._directory / f"{name}.nk"
        try:
            return nkeys.from_seed(file.read_bytes().strip())
        except (OSError, nkeys.NkeysError) as error:
            raise CommandError(f"the key {file} cannot be read: {error}") from None

    def _write(self, name: str, text: str, mode: int = PRIVATE) -> None:
        write_private(self._directory / name, text, mode)


def name_of(role_name: str, path: Path) -> str:
    """Return the name that a user has when nobody gives one."""
    return "-".join((role_name, *path)) if path else role_name


def _of(role: Role) -> str:
    """Return the name of the key of a role's account."""
    return "nodes" if role.is_outside else "account"
