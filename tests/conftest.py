"""Share a set-up. Fixtures (`fog_nats`, …) come from the package's own pytest plugin, as a user's would."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer

from fog_cli.later import lasting
from tests.workers import ByFileAndHouse

# In the background of a shell and under nohup these are ignored, and every child of a test would inherit that.
for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, default)

# How long an example takes, or is drawn, says more about the machine than about the code. Each run draws others than
# the one before: many runs with few of them find as much as few with many. `--hypothesis-profile long` draws many.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("short", deadline=None, suppress_health_check=_SLOW, max_examples=15)
settings.register_profile("long", deadline=None, suppress_health_check=_SLOW, max_examples=1000)
settings.load_profile("short")

# Aggregators in this process have the kernels where numba is installed. The many processes that tests
# start have none: numba takes each half a second to import, and 120 MB.
os.environ.setdefault("FOG_KERNELS", "numpy")

# Each process that imports aiohttp reads all certificates that this machine trusts, a tenth of an aggregator's
# start. Nothing here talks to anybody whom these vouch for: tests of TLS name their own.
os.environ.setdefault("SSL_CERT_FILE", os.devnull)

_COMPILE = """
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
load(Choice.AUTO)
"""


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels once, where each worker of a run on several processes would do it while it collects."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        subprocess.run([sys.executable, "-c", _COMPILE], check=False)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the tests from Python's collector of garbage: they stay, and are much of all that it would look at."""
    with lasting():
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFileAndHouse | None:
    """Choose who hands out the tests of a run by files."""
    return ByFileAndHouse(config, log) if config.getvalue("dist") == "loadfile" else None
