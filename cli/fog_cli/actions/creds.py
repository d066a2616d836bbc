"""Make the credentials of a fleet."""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Final

from fog_cli.commands.operator.creds import Settings
from fog_cli.credentials.folder import CONFIG, Folder, name_of
from fog_cli.credentials.roles import roles
from fog_cli.errors import UsageError
from fog_schema.errors import PathError
from fog_schema.paths import Path, parse_path
from fog_schema.subjects import Subjects

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


def creds(settings: Settings) -> int:
    """Make keys, users, or revoke users.

    Raises:
        UsageError: The paths, the name or the prefix cannot be.
        CommandError: The directory cannot be used.
    """
    folder = Folder(FilePath(settings.dir))
    if settings.action == "init":
        return _init(folder, settings)
    if settings.action == "revoke":
        if not settings.places:
            raise UsageError("name the files to revoke")
        for file in settings.places:
            folder.revoke(FilePath(file))
            print(f"revoked {file}; now: nats-server --signal reload")
        return 0
    for path in _paths(settings):
        made = folder.add(settings.action, path, settings.name or name_of(settings.action, path))
        print(f"{made}  --inbox-prefix {folder.inbox(settings.action, path)}")
    return 0


def _init(folder: Folder, settings: Settings) -> int:
    if settings.places:
        raise UsageError(f"init takes no path, and {settings.places[0]!r} was given")
    try:
        prefix = Subjects(settings.prefix).prefix
    except ValueError as error:
        raise UsageError(str(error)) from None
    folder.make(prefix)
    print(f"{settings.dir}/{CONFIG}  for the server; every other file there is a secret")
    return 0


def _paths(settings: Settings) -> list[Path]:
    """Return the paths of the users to make; one empty path for a role that has none."""
    role = roles("x")[settings.action]
    if settings.name and not _NAME.fullmatch(settings.name):
        raise UsageError(f"the name {settings.name[:80]!r} is not allowed: write 1 to 128 of A-Z, a-z, 0-9, _ and -")
    if not role.has_path:
        if settings.places:
            raise UsageError(f"an {role.name} has no path, and {settings.places[0]!r} was given")
        return [()]
    if not settings.places:
        raise UsageError(f"name the path of the {role.name}, or several, as in fog/0/3")
    if settings.name and len(settings.places) > 1:
        raise UsageError("one name cannot be that of several users: leave --name out")
    try:
        return [parse_path(place) for place in settings.places]
    except PathError as error:
        raise UsageError(str(error)) from None
