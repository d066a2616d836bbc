"""Make credentials for the HTTP interface of an aggregator."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from fog_aggregator.components.http.access.credentials import (
    MOST_SECRET,
    Credential,
    CredentialsError,
    check_name,
    hash_of_password,
    line_of,
    new_token,
    parse_credentials,
)
from fog_cli.commands.operator.token import Settings
from fog_cli.errors import CommandError, UsageError
from fog_cli.private_files import alone_in, write_private
from fog_schema.errors import PathError
from fog_schema.paths import parse_path


def token(settings: Settings) -> int:
    """Make a token or hash a password, and add it to the file.

    Raises:
        UsageError: The name, the path or the password cannot be.
        CommandError: The file cannot be read or written.
    """
    try:
        name = check_name(settings.name)
        shows = parse_path(settings.path) if settings.path else ()
    except (PathError, ValueError) as error:
        raise UsageError(str(error)) from None
    if settings.password:
        text, made = "", Credential(name, shows, hash_of_password(_password()), settings.may_silence)
    else:
        text, known = new_token()
        made = Credential(name, shows, known, settings.may_silence)
    if settings.file:
        _add(Path(settings.file), made)
    else:
        print(line_of(made))
    if text:
        print(text)
    return 0


def _password() -> str:
    text = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not text or len(text.encode()) > MOST_SECRET:
        raise UsageError(f"a password of 1 to {MOST_SECRET} bytes is needed")
    return text


def _add(file: Path, made: Credential) -> None:
    """Put a line into the file, in place of one of the same name; whoever reads it meanwhile has it old or new."""
    try:
        with alone_in(file.parent):
            text = file.read_text("utf-8") if file.exists() else ""
            if text.strip():
                parse_credentials(text, str(file))  # not to add to what is something else
            lines = [line for line in text.splitlines() if line.split()[:1] != [made.name]]
            write_private(file, "\n".join([*lines, line_of(made)]) + "\n")
    except CredentialsError as error:
        raise CommandError(f"{error}; nothing was written") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be written: {error}") from None
