"""Prints the completions of a shell.

bash:  source <(fog completion bash)
zsh:   fog completion zsh > "${fpath[1]}/_fog"
fish:  fog completion fish > ~/.config/fish/completions/fog.fish
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from fog_bus.options import option
from fog_bus.options.kinds import choice
from fog_cli.commands import SUMMARIES, load
from fog_cli.config import REQUIRED, Option, options_of


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `fog completion`."""

    shell: str = option(REQUIRED, "which shell", choice("bash", "zsh", "fish"), positional=True)


def run(settings: Settings) -> int:
    """Print the script."""
    options = {name: options_of(load(name).settings, name) for name in SUMMARIES}
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[settings.shell](options))
    return 0


Options = dict[str, tuple[Option, ...]]


def _words(options: tuple[Option, ...]) -> list[str]:
    """Everything that may stand behind a command."""
    positional = [word for one in options if one.positional for word in one.kind.choices]
    return [*positional, *(flag for one in options for flag in one.flags), "--config", "--print-config", "--help"]


def _choices(options: Options) -> dict[str, tuple[str, ...]]:
    """Return the flags that take one of a few words."""
    return {
        one.flags[0]: one.kind.choices for many in options.values() for one in many if one.flags and one.kind.choices
    }


def _cases(name: str, options: Options) -> tuple[str, str]:
    """Write the words after a command, and those after a flag, as the branches of two `case` statements."""
    commands = [f"    {command}) {name}=({' '.join(_words(many))}) ;;" for command, many in options.items()]
    flags = [f"    {flag}) {name}=({' '.join(words)}) ;;" for flag, words in _choices(options).items()]
    return "\n".join(commands), "\n".join([*flags, f"    --config) {name}=() ;;"])


def _bash(options: Options) -> str:
    commands, flags = _cases("offers", options)
    return f"""\
_fog() {{
  local offers=({" ".join(options)} --help --version)
  if [ "$COMP_CWORD" -gt 1 ]; then
    case "${{COMP_WORDS[1]}}" in
{commands}
    esac
    case "$3" in
{flags}
    esac
  fi
  COMPREPLY=($(compgen -W "${{offers[*]}}" -- "$2"))
}}
complete -o default -F _fog fog"""


def _zsh(options: Options) -> str:
    commands, flags = _cases("offers", options)
    return f"""\
#compdef fog
_fog() {{
  local -a offers
  if (( CURRENT == 2 )); then
    offers=({" ".join(shlex.quote(f"{name}:{SUMMARIES[name]}") for name in options)})
    _describe command offers
    return
  fi
  case $words[2] in
{commands}
  esac
  case $words[CURRENT-1] in
{flags}
  esac
  if (( $#offers )); then compadd -- $offers; else _files; fi
}}
if [ "$funcstack[1]" = _fog ]; then _fog "$@"; else compdef _fog fog; fi"""


def _fish(options: Options) -> str:
    lines = ["complete -c fog -f -n __fish_use_subcommand -l help -l version"]
    lines += [
        f"complete -c fog -f -n __fish_use_subcommand -a {name} -d {_quoted(SUMMARIES[name])}" for name in options
    ]
    for name, many in options.items():
        seen = f"complete -c fog -n '__fish_seen_subcommand_from {name}'"
        for one in many:
            words = f" -a '{' '.join(one.kind.choices)}'" if one.kind.choices else ""
            takes = " -x" if one.kind.choices else (" -r" if one.kind.metavar else "")
            flags = "".join(f" -l {flag.removeprefix('--')}" for flag in one.flags)
            lines.append(f"{seen}{flags}{takes if one.flags else ' -f'}{words} -d {_quoted(one.help)}")
        lines.append(f"{seen} -l config -r -d 'TOML file with the options'")
        lines.append(f"{seen} -l print-config -d 'print the options as they came out'")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """As fish reads it; other shells know no escapes between single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
