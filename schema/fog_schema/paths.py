"""A node's place in the tree: ``fog/0/3/1`` for people, ``fog.0.3.1`` on the bus, a tuple of tokens in code.

The first token names the tree. Inner paths may be nodes too. Tokens that begin with ``~`` are the system's own
(``~retired``): they never come from a user or from the bus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from fog_schema.errors import PathError
from fog_schema.limits import MAX_TOKEN_LENGTH, MAX_TOKENS

Path: TypeAlias = tuple[str, ...]

RETIRED: Final = "~retired"
"""The child of every inner path under which the counts of its retired nodes live on."""

_TOKEN: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_TOKEN_LENGTH}}}")
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+)|(.|$))")
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9_-]")
_HINT: Final = "write tokens of letters, digits, '-' and '_', separated by '/', for instance fog/0/3"


def check_path(tokens: Path) -> Path:
    """Return `tokens` when they are a valid path.

    Raises:
        PathError: naming the first token that is not ``[A-Za-z0-9_-]{1,64}``, or the depth when it is over 16.
    """
    if not tokens:
        raise PathError(f"an empty path: {_HINT}")
    if len(tokens) > MAX_TOKENS:
        raise PathError(f"path {'/'.join(tokens)!r} has {len(tokens)} tokens, at most {MAX_TOKENS} are allowed")
    for place, token in enumerate(tokens, 1):
        if not _TOKEN.fullmatch(token):
            what = "is empty" if not token else f"{token!r} is not allowed"
            raise PathError(f"path {'/'.join(tokens)!r}: token {place} {what}; {_HINT}")
    return tokens


def parse_path(text: str) -> Path:
    """Parse ``fog/0/3`` (one leading or trailing slash is forgiven).

    Raises:
        PathError: see `check_path`.
    """
    body = text.removeprefix("/").removesuffix("/")
    return check_path(tuple(body.split("/")) if body else ())


def format_path(path: Path) -> str:
    """``("fog", "0", "3")`` as ``fog/0/3``."""
    return "/".join(path)


def is_under(path: Path, ancestor: Path) -> bool:
    """Whether `path` is `ancestor` or lies below it."""
    return path[: len(ancestor)] == ancestor


def ancestors(path: Path) -> list[Path]:
    """Return the path itself and every path above it, from the root down."""
    return [path[:depth] for depth in range(1, len(path) + 1)]


def expand_template(template: str, environ: Mapping[str, str], hostname: Callable[[], str]) -> Path:
    """Fill ``fog/${RACK}/${HOSTNAME}``, as `fill_template` does.

    Raises:
        PathError: for a variable that is not set or is empty, or when the outcome is not a path.
    """
    return parse_path(fill_template(template, environ, hostname))


def fill_template(template: str, environ: Mapping[str, str], hostname: Callable[[], str]) -> str:
    """Fill variables, one token each, from the environment (``HOSTNAME`` from the host where it is not set there).

    In a value that is filled in, every character that a token may not have becomes ``-``, slashes and dots too, and it
    is cut to 64 characters. ``$$`` is a dollar sign, which no token may have, and so an error.

    Raises:
        PathError: for a variable that is not set or is empty.
    """

    def fill(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name is None:
            raise PathError(f"template {template!r}: '$' must be followed by a variable's name, as in ${{RACK}}")
        value = environ.get(name) or (hostname() if name == "HOSTNAME" else "")
        if not value:
            raise PathError(f"template {template!r}: the variable {name} is not set; set it or write its value")
        return _FORBIDDEN.sub("-", value)[:MAX_TOKEN_LENGTH]

    return _VARIABLE.sub(fill, template)
