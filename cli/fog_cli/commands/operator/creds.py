"""Makes credentials for nodes, aggregators and operators: JWTs that a nats-server checks without knowing the users.

  fog creds init --dir creds
  fog creds node --dir creds $(seq -f 'fog/0/%g' 0 99)
  nats-server -c deploy/nats-server-jwt.conf

`init` draws the keys of an operator and an account, and writes creds/resolver.conf, which the server's configuration
includes; the server need not be told of users. A credential belongs to a role: node and branch (of a path), region (a
branch above branches), aggregator, operator (of a path; commands, audits and decodes), admin (makes the streams). It
can do no more than its role, as the server puts the path into the role's permissions. `revoke` takes files of
credentials back; then reload the server.
Its directory is all that is needed to make any credential: keep it off the fleet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option
from fog_bus.options.kinds import DIRECTORY, FILES, TEXT, Kind, choice
from fog_cli.config import REQUIRED
from fog_cli.later import later

PLACES: Final = Kind("PATH|FILE", FILES.parse, is_many=True)


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog creds`."""

    action: str = option(
        REQUIRED,
        "init, the role of the users to make, or revoke",
        choice("init", "node", "branch", "region", "aggregator", "operator", "admin", "revoke"),
        positional=True,
    )
    places: tuple[str, ...] = option(
        (), "the paths of users to make, or the files of those to revoke", PLACES, positional=True
    )
    dir: str = option("creds", "the directory of keys", DIRECTORY)
    name: str = option("", "the name of the one user to make; its role and path when left out", TEXT)
    prefix: str = option("fog.v1", "what subjects begin with, for init", TEXT)


run: Final = later("fog_cli.actions.creds:creds")
"""0 when all are made."""
