"""The current trace, when the program uses OpenTelemetry. Nothing is imported: what is not loaded has no open span."""

import sys

from utilityfog_frontend.telemetry.model import Labels

TRACE_API = "opentelemetry.trace"


def current_trace() -> Labels | None:
    """Return `span_id` and `trace_id` of the current, sampled span in hexadecimal, None without one. Never raises."""
    api = sys.modules.get(TRACE_API)
    if api is None:
        return None
    try:
        context = api.get_current_span().get_span_context()
        if not context.is_valid or not context.trace_flags.sampled:
            return None
        return ("span_id", format(context.span_id, "016x")), ("trace_id", format(context.trace_id, "032x"))
    except Exception:  # noqa: BLE001 - an API half loaded, or one that has changed, must not stop an observation
        return None
