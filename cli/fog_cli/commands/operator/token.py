"""Makes a token or a password for an aggregator's HTTP interface, and what it shows.

  fog token grafana --file /etc/fog/http.tokens
  fog token team-0 --path fog/0 --file /etc/fog/http.tokens
  fog token on-call --may-silence --file /etc/fog/http.tokens
  fog token jo --password --file /etc/fog/http.tokens < password.txt

The file has names, paths and hashes; the token itself is printed once and kept nowhere. Give the file to the aggregator
with --http.token-file; it reads the file anew on SIGHUP. A name that is in the file already gets the new token. A
password is asked for, or read from standard input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fog_bus.options import option, switch
from fog_bus.options.kinds import FILE, NAME, PATH
from fog_cli.config import REQUIRED
from fog_cli.later import later


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog token`."""

    name: str = option(REQUIRED, "the name of whoever uses it", NAME, positional=True)
    path: str = option("", "the subtree that it shows; everything when left out", PATH)
    file: str = option("", "the file to add it to; its line is printed when left out", FILE)
    may_silence: bool = switch("let it make and end silences there, where --http.silences is given to the aggregator")
    password: bool = switch("hash a password of one's own instead of drawing a token")


run: Final = later("fog_cli.actions.token:token")
"""0 when it is made."""
