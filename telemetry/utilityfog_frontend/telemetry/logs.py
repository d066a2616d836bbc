"""Log records as events."""

import logging
import threading

from .collector import TelemetryCollector
from .support import arguments
from .support.problems import logger as own_logger


class TelemetryHandler(logging.Handler):
    """Records each log record as an event.

        logging.getLogger().addHandler(TelemetryHandler(collector))

    The event's name is `log` (or `event_name`), its value the message; its labels are `level` and `logger`; a
    traceback is in the metadata as `exception`. The telemetry's own records are left out, as are records that are
    logged while one is being recorded: both would go round in circles.

    Args:
        collector: records the events.
        level: the least severe level to record.
        event_name: the name of the events.
    """

    def __init__(
        self, collector: TelemetryCollector, level: int | str = logging.WARNING, event_name: str = "log"
    ) -> None:
        super().__init__(level)
        self._collector = arguments.instance("collector", collector, TelemetryCollector)
        self._event_name = arguments.text("event_name", event_name)
        self._busy = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        """Record one event. Never raises."""
        if record.name.startswith(own_logger.name) or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            metadata = {}
            if record.exc_info:
                metadata["exception"] = (self.formatter or _FORMATTER).formatException(record.exc_info)
            labels = {"level": record.levelname, "logger": record.name}
            self._collector.record_event(self._event_name, record.getMessage(), labels, metadata)
        except Exception:  # noqa: BLE001 - logging must never raise; this is what the standard handlers do as well
            self.handleError(record)
        finally:
            self._busy.now = False


_FORMATTER = logging.Formatter()
