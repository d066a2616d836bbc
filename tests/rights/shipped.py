"""The shipped configurations on a real server, with one user of each kind."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from fog_testing.nats_server import NatsServer
from tests.cli.processes import run

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_PASSWORDS: Final = ("SYS", "ADMIN", "OPERATOR", "AGGREGATOR", "AGGREGATOR_0", "0_3")

Login = dict[str, str]
"""Options of a connection."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A server with a shipped configuration; the streams are made.

    Attributes:
        server: The server.
        logins: By kind of user: the node fog/0/3, the branch fog/0, the aggregator, the operator, the administrator.
    """

    server: NatsServer
    logins: dict[str, Login]

    def options(self, who: str) -> list[str]:
        """Return the options of a command."""
        named = {"user": "--user", "password": "--password", "creds": "--creds", "inbox_prefix": "--inbox-prefix"}
        login = [word for name, value in self.logins[who].items() for word in (named[name], value)]
        return ["--nats", self.server.url, *login]


@contextmanager
def plain(pattern: str = "", instead: str = "") -> Iterator[Shipped]:
    """Run a server with deploy/nats-server.conf, but for addresses; with a pattern, what it matches is replaced."""
    text = re.sub(r"^(listen|http|  store_dir): .*$", "", (DEPLOY / "nats-server.conf").read_text(), flags=re.MULTILINE)
    if pattern:
        text, found = re.subn(pattern, instead, text)
        assert found, pattern
    with pytest.MonkeyPatch.context() as patch:
        for name in _PASSWORDS:
            patch.setenv(f"FOG_{name}_PASSWORD", f"secret-{name}")
        with NatsServer(config=text) as server:
            users = {
                "node": ("fog-0-3", "0_3", "_INBOX_AGENT.fog.0.3"),
                "branch": ("aggregator-fog-0", "AGGREGATOR_0", "_INBOX_BRANCH.fog.0"),
                "aggregator": ("aggregator", "AGGREGATOR", "_INBOX_AGG"),
                "operator": ("operator", "OPERATOR", "_INBOX_OPERATOR"),
                "admin": ("admin", "ADMIN", "_INBOX"),
            }
            logins = {
                kind: {"user": user, "password": f"secret-{password}", "inbox_prefix": inbox}
                for kind, (user, password, inbox) in users.items()
            }
            yield _with_streams(Shipped(server, logins))


@contextmanager
def signed() -> Iterator[Shipped]:
    """Run a server with deploy/nats-server-jwt.conf, but for addresses, and credentials of `fog creds`."""
    with tempfile.TemporaryDirectory(prefix="fog-creds-") as directory:
        keys = Path(directory)
        places = {"node": "fog/0/3", "branch": "fog/0", "operator": "fog"}
        files = {"node": "node-fog-0-3", "branch": "branch-fog-0", "operator": "operator-fog"}
        logins, prefix = {}, {}
        for action in ("init", "node", "branch", "aggregator", "operator", "admin"):
            done = run("creds", action, *([places[action]] if action in places else []), "--dir", directory)
            assert done.returncode == 0, done.stderr
            prefix[action] = done.stdout.split()[-1]
        for kind in ("node", "branch", "aggregator", "operator", "admin"):
            logins[kind] = {"creds": str(keys / f"{files.get(kind, kind)}.creds"), "inbox_prefix": prefix[kind]}
        lines = (DEPLOY / "nats-server-jwt.conf").read_text().splitlines()
        kept = [line for line in lines if line.split(":")[0].strip() not in ("listen", "http", "store_dir")]
        relative = os.path.relpath(keys / "resolver.conf", Path(tempfile.gettempdir()) / "server")  # as includes are
        with NatsServer(config="\n".join(kept).replace("creds/resolver.conf", relative)) as server:
            yield _with_streams(Shipped(server, logins))


def _with_streams(shipped: Shipped) -> Shipped:
    for part in (("--path", "fog/0"), ("--update",)):
        made = run("streams", "apply", *part, *shipped.options("admin"))
        assert made.returncode == 0, made.stderr
    return shipped


CONFIGURATIONS: Final = {"nats-server.conf": plain, "nats-server-jwt.conf": signed}
