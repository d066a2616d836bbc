"""Count the questions about the past, and the frames that were read for them."""

from __future__ import annotations

from typing import Final

from utilityfog_frontend.telemetry import TelemetryCollector

ANSWERED: Final = "answered"
REMEMBERED: Final = "remembered"
REFUSED: Final = "refused"
FAILED: Final = "failed"


class PastMetrics:
    """The instruments of the past, registered in `collector`.

    Attributes:
        questions: Questions by their result: answered, remembered, refused (another one would be answered), failed (it
            may be answered later).
        frames: Frames that were read.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        self.questions = collector.register_counter(
            "fog_aggregator_past_questions_total", "Questions about the past, by their result", ["result"]
        )
        for result in (ANSWERED, REMEMBERED, REFUSED, FAILED):
            self.questions.labels(result=result)
        self.frames = collector.register_counter(
            "fog_aggregator_past_frames_total", "Frames that were read again for questions about the past"
        )
