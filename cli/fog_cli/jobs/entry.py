"""Where the `fog` command begins: `fog run` and `fog emit` are taken off before anything is imported for the others.

A job of a millisecond that waits 300 for its telemetry is a job that nobody wraps. Whatever these two need of options
that are not on the command line or in the environment goes the way of all commands, as do their help and `--config`.
Nor does it wait for the interpreter to take itself apart, which is a fifth of its time: nothing here is left to flush.
"""

import os
import sys

_LIGHT = ("run", "emit")


def main() -> int:
    """Run the command line of this process; the exit code."""
    if sys.argv[1:2] and sys.argv[1] in _LIGHT and not os.environ.get("FOG_CONFIG"):
        from fog_cli.jobs.command import main as job

        try:
            code = job(sys.argv[1], sys.argv[2:])
        except KeyboardInterrupt:
            code = 130
        if code is not None:
            os._exit(code)
    from fog_cli.main import main as command

    return command()
