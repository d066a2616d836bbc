"""Options, declared where the part is that they set: each once, with default, help text and kind of value.

    @dataclass(frozen=True, kw_only=True)
    class HttpOptions:
        listen: Address = option(("127.0.0.1", 10364), "address of the HTTP server", ADDRESS)

A part takes its options as values and does not know where they come from. The command reads the declarations: it makes
flags, variables, keys of the configuration file and the help from them (`fog_cli.config`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from fog_bus.options.kinds import SWITCH, Kind

T = TypeVar("T")
DECLARATION: Final = "option"
"""The key of a declaration in a field's metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """All that a command must know of an option beside its name and its default."""

    kind: Kind[Any]
    help: str
    flag: str = ""
    aliases: tuple[str, ...] = ()
    environ: tuple[str, ...] = ()
    positional: bool = False
    convert: Callable[[Any], Any] | None = None


def option(
    default: T,
    help: str,  # noqa: A002 - argparse's word for it
    kind: Kind[Any],
    *,
    flag: str = "",
    aliases: tuple[str, ...] = (),
    environ: tuple[str, ...] = (),
    positional: bool = False,
    convert: Callable[[Any], Any] | None = None,
) -> T:
    """Declare a field of a dataclass to be an option.

    Args:
        default: Its value when nobody gives one; None for an option that may be absent.
        help: One line for `--help`.
        kind: How it is read and written.
        flag: Its flag, when it is not `--key` (`--table.key` in a group; `--no-key` for a switch that is on).
        aliases: More flags.
        environ: More variables, which are asked after `FOG_KEY` (`FOG_TABLE_KEY` in a group).
        positional: A positional argument, which is on the command line alone.
        convert: Makes the field's value from what a person wrote, once all options are settled; raises ValueError with
            a whole sentence. A text that nobody gave, or that is empty, stands for the default.
    """
    declaration = Declaration(
        kind=kind,
        help=help,
        flag=flag,
        aliases=aliases,
        environ=environ,
        positional=positional,
        convert=convert,
    )
    return field(default=default, metadata={DECLARATION: declaration})


def switch(help: str) -> bool:  # noqa: A002 - as in `option`
    """Declare a field to be an option that is on or off, and off by default."""
    return option(False, help, SWITCH)  # noqa: FBT003 - the default
