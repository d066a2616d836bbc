"""Misuse of an agent raises at once, in the caller's thread, and says which argument it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from fog_agent import Agent, BackgroundAgent, NatsOptions
from fog_agent.sources.host import HostMetrics
from tests.telemetry.wrong import outcomes
from utilityfog_frontend.telemetry import TelemetryCollector

SECONDS: Final = {"one", "half"}
TEXTS: Final = {"empty", "text"}
PATH: Final = "fog/0/3"

OPTIONS: Final[dict[str, set[str]]] = {
    "servers": {"text", "texts", "of numbers"},
    "interval": SECONDS,
    "deadline": {"zero", *SECONDS},
    "prefix": {"text"},
    "info": {"None", "map"},
    "options": {"None"},
    "connection": {"None"},
    "state_dir": {"None", "text"},
}

LOGIN: Final[dict[str, set[str]]] = {
    "user": {"None", *TEXTS},
    "password": {"None", *TEXTS},
    "token": {"None", *TEXTS},
    "creds": {"None"},
    "nkey": {"None"},
    "tls_ca": {"None"},
    "tls_cert": {"None"},
    "tls_key": {"None"},
    "tls_first": {"true"},
    "inbox_prefix": {"None", "text"},
    "jetstream_domain": {"None", *TEXTS},
    "name": {"None", *TEXTS},
    "servers": {"texts"},
}


def with_option(kind: Any, name: str) -> Callable[[Any], object]:
    """Make an agent with one argument."""
    return lambda wrong: kind(TelemetryCollector(), path=PATH, **{name: wrong})


def with_login(name: str) -> Callable[[Any], object]:
    """Make options with one argument."""
    return lambda wrong: NatsOptions(**{name: wrong})


CASES: Final[dict[str, tuple[Callable[[Any], object], set[str]]]] = {
    **{
        f"{kind.__name__}({name})": (with_option(kind, name), taken)
        for kind in (Agent, BackgroundAgent)
        for name, taken in OPTIONS.items()
    },
    **{f"NatsOptions({name})": (with_login(name), taken) for name, taken in LOGIN.items()},
    "Agent(collector)": (lambda wrong: Agent(wrong, path=PATH), set()),
    "Agent(path)": (lambda wrong: Agent(TelemetryCollector(), path=wrong), {"text"}),
    "BackgroundAgent(collector)": (lambda wrong: BackgroundAgent(wrong, path=PATH), set()),
    "HostMetrics(collector)": (HostMetrics, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_misuse_is_said(case: str) -> None:
    """Each wrong argument is refused on purpose, or it is one of those that make sense here."""
    call, taken = CASES[case]
    assert outcomes(call) == dict.fromkeys(taken, "taken")


@pytest.mark.parametrize("kind", [Agent, BackgroundAgent])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"interval": "10"}, "interval must be a number of seconds, not '10'"),
        ({"interval": 0.05}, "interval 0.05 is out of bounds: give seconds from 0.1 to 3600"),
        ({"deadline": None}, "deadline must be a number of seconds, not None"),
        ({"servers": 4222}, "servers must be a text with addresses, or a sequence of such, not 4222"),
        ({"info": {"rack": 7}}, "info 'rack' must be a string, not 7"),
        ({"options": "nats://a"}, "options must be a NatsOptions, not 'nats://a'"),
        ({"path": None}, "path must be a string, not None"),
    ],
)
def test_the_error_names_the_argument_and_the_unit(kind: Any, arguments: dict[str, Any], words: str) -> None:
    """And the value that it was given."""
    with pytest.raises((TypeError, ValueError)) as refusal:
        kind(TelemetryCollector(), **({"path": PATH} | arguments))
    assert str(refusal.value) == words
