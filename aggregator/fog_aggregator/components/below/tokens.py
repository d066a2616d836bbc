"""Read the tokens by which a root logs in to the aggregators of its branches."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Final

from fog_aggregator.components.below.addresses import read_address

MOST_BYTES: Final = 2**20
_TOKEN: Final = re.compile(r"[!-~]{1,512}")


class TokensError(ValueError):
    """The file of tokens cannot be used; the text says why, and has no token."""


def read_tokens(name: str) -> Mapping[str, str]:
    """Return the token of each address, or pattern of addresses, of a file: `http://HOST:PORT TOKEN` a line.

    Raises:
        TokensError: It cannot be read, others may write to it, or a line is none.
    """
    try:
        with FilePath(name).open("rb") as opened:
            mode, data = os.fstat(opened.fileno()).st_mode, opened.read(MOST_BYTES + 1)
        text = data.decode()
    except OSError as error:
        raise TokensError(f"the tokens {name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TokensError(f"{name} is no text: write lines of an address and a token") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise TokensError(f"{name} may be written by others than its owner: chmod go-w {name}")
    if len(data) > MOST_BYTES:
        raise TokensError(f"{name} is longer than {MOST_BYTES} bytes")
    tokens: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split() if line.lstrip().startswith("#") else line.split()
        if not words:
            continue
        try:
            address, token = words
            tokens[read_address(address)] = token
        except ValueError:
            token = ""
        if not _TOKEN.fullmatch(token):
            raise TokensError(f"{name}, line {number}: write an address and a token, as in http://HOST:PORT TOKEN")
    return tokens
