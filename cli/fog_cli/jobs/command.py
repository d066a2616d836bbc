"""The command lines of `fog run` and `fog emit`, read without the machinery that all other commands share."""

import os

from fog_cli.jobs.telling import SOCKET, SPOOL, Relay, complain

_USAGE = 2
_SWITCHES = {"run": ("--tail", "--sync"), "emit": ("--sync",)}
_VALUES = {"run": ("--name", "--socket", "--spool"), "emit": ("--socket", "--spool")}
_ON = ("1", "true", "yes", "on")


class _UsageError(Exception):
    """A command line that cannot be; its text says why."""


def main(command: str, argv: list[str]) -> int | None:
    """Do what a command line says; the exit code, or None when it is for the machinery: help and files of options."""
    try:
        options, words = _parse(command, argv)
    except _UsageError as error:
        return _refuse(command, str(error))
    if options is None:
        return None
    return work(command, options, words)


def work(command: str, options: dict[str, str], words: list[str]) -> int:
    """Run a command or emit values, with options by the names of their flags; the exit code."""
    relay = Relay(options.get("socket") or SOCKET, options.get("spool") or SPOOL, sync=options.get("sync", "") in _ON)
    if command == "run":
        if not words:
            return _refuse(command, "which command? Write fog run -- COMMAND [ARGUMENT ...]")
        from fog_cli.jobs.running import run

        return run(relay, options.get("name", ""), words, tail=options.get("tail", "") in _ON)
    from fog_cli.jobs.emitting import WrongError, emit

    try:
        return emit(relay, words)
    except WrongError as error:
        return _refuse(command, str(error))


def _parse(command: str, argv: list[str]) -> tuple[dict[str, str] | None, list[str]]:
    """Return options and words; the first word that is no option, or `--`, ends the options of `fog run`.

    Raises:
        _UsageError: an option that there is not, or one without its value.
    """
    names = [*_SWITCHES[command], *_VALUES[command]]
    options = {name[2:]: value for name in names if (value := os.environ.get(f"FOG_{name[2:].upper()}"))}
    words: list[str] = []
    left = argv[::-1]
    while left:
        word = left.pop()
        flag, given, value = word.partition("=")
        if word == "--":
            break
        if flag in ("-h", "--help", "--config", "--print-config"):
            return None, []
        if flag in _VALUES[command]:
            if not given and not left:
                raise _UsageError(f"argument {flag}: expected one argument")
            options[flag[2:]] = value if given else left.pop()
        elif word in _SWITCHES[command]:
            options[word[2:]] = "true"
        elif word.startswith("--") or (word.startswith("-") and command == "run"):
            raise _UsageError(f"{flag} is not known here; see fog {command} --help")
        else:
            words.append(word)
            if command == "run":
                break
    return options, words + left[::-1]


def _refuse(command: str, why: str) -> int:
    complain(command, why)
    return _USAGE
