"""Fixtures that the SDK's tests share."""

import pytest

from utilityfog_frontend.telemetry import TelemetryCollector


class Clock:
    """A clock that stands until `now` is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Unix seconds, standing at 1000."""
    return Clock()


@pytest.fixture
def monotonic() -> Clock:
    """Monotonic seconds, standing at 50."""
    return Clock(50.0)


@pytest.fixture
def collector(clock: Clock, monotonic: Clock) -> TelemetryCollector:
    """Provide a collector whose clocks stand."""
    return TelemetryCollector(clock=clock, monotonic=monotonic)


@pytest.fixture
def bare(clock: Clock, monotonic: Clock) -> TelemetryCollector:
    """Provide a collector without metrics about itself."""
    return TelemetryCollector(self_metrics=False, clock=clock, monotonic=monotonic)
