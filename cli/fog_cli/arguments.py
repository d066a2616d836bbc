"""The command line of one command, built from its options. Values stay text: `config` reads them all alike."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from fog_bus.options.kinds import SWITCH
from fog_cli.config import REQUIRED, Option
from fog_cli.errors import UsageError


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, instead of a screen of usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def build_parser(command: str, description: str, options: Sequence[Option]) -> argparse.ArgumentParser:
    """Return a parser for the options of one command, groups under headings of their own."""
    parser = _Parser(
        prog=f"fog {command}",
        description=description,
        allow_abbrev=False,
        argument_default=argparse.SUPPRESS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    headings: dict[str, argparse._ArgumentGroup] = {}
    for option in options:
        place: argparse._ActionsContainer = parser
        if option.table != command:
            if option.table not in headings:
                headings[option.table] = parser.add_argument_group(option.table)
            place = headings[option.table]
        _add(place, option)
    if all(option.positional for option in options):
        return parser
    parser.epilog = "Flag > environment > --config file > default. --print-config shows what came of them."
    parser.add_argument("--config", metavar="FILE", help="TOML file with the options [FOG_CONFIG]")
    parser.add_argument("--print-config", action="store_true", help="print the options as they came out, and end")
    return parser


def parse_arguments(parser: argparse.ArgumentParser, argv: Sequence[str]) -> dict[str, str | bool]:
    """Parse the options that were given, by destination.

    Raises:
        UsageError: for what the parser does not know, with the nearest flag it does.
    """
    positional = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001 - argparse offers no other way to list them
    many = [action.dest for action in positional if action.nargs == "*"]
    words: Sequence[str] = ()
    if len(many) == len(positional) == 1 and "--" in argv:  # argparse forgets it when flags may stand between words
        argv, words = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    parse = parser.parse_known_intermixed_args if many else parser.parse_known_args  # flags between words and files
    known, unknown = parse(argv)
    if unknown:
        import difflib  # only for who has mistyped

        word = unknown[0].partition("=")[0]
        flags = [flag for action in parser._actions for flag in action.option_strings]  # noqa: SLF001 - argparse offers no other way to list them
        near = difflib.get_close_matches(word, flags, n=1)
        hint = f"did you mean {near[0]}?" if near else f"see {parser.prog} --help"
        raise UsageError(f"{word} is not known here; {hint}")
    if words:
        setattr(known, many[0], [*getattr(known, many[0], ()), *words])
    return vars(known)


def _add(place: argparse._ActionsContainer, option: Option) -> None:
    text = option.help
    if option.positional:
        place.add_argument(
            option.name,
            default=argparse.SUPPRESS,
            metavar=option.kind.metavar,
            nargs="*" if option.kind.is_many else None if option.default is REQUIRED else "?",
            choices=option.kind.choices or None,
            help=text.replace("%", "%%"),
        )
        return
    if option.default not in (None, "", ()) and option.kind is not SWITCH:
        shown = option.kind.show(option.default).strip('[]"')
        text += f" (default {shown})"
    text = f"{text} [{', '.join(option.environ)}]".replace("%", "%%")  # argparse formats it
    if option.kind is SWITCH:
        place.add_argument(*option.flags, dest=option.name, action="store_const", const=not option.default, help=text)
    else:
        place.add_argument(*option.flags, dest=option.name, metavar=option.kind.metavar, help=text)
