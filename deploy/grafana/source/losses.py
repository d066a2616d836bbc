"""Each metric of METRICS.md that counts a loss, in the words of the dashboard. A test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deploy.grafana.source.model import Query


@dataclass(frozen=True, slots=True)
class Loss:
    """One metric that counts a loss.

    Attributes:
        metric: Its name.
        words: The loss in words.
        by: The label that tells the reason; empty without one.
        only: Matchers of the series that are losses; empty if all are.
        now: Whether it is a gauge, whose value is the loss that there is now, in place of what came within an hour.
    """

    metric: str
    words: str
    by: str = ""
    only: str = ""
    now: bool = False

    def total(self, matchers: str) -> Query:
        """Write what was lost within an hour; without a metric there is no number, and not a zero."""
        return Query(f"sum({self._lost(matchers)})", self.words)

    def reasons(self, matchers: str) -> Query:
        """Write the same for each reason that there was."""
        by = f" by ({self.by})" if self.by else ""
        legend = f"{self.words}: {{{{{self.by}}}}}" if self.by else self.words
        return Query(f"sum{by} ({self._lost(matchers)}) > 0", legend)

    def _lost(self, matchers: str) -> str:
        chosen = f"{self.metric}{{{matchers}{',' if self.only else ''}{self.only}}}"
        return chosen if self.now else f"increase({chosen}[1h])"


_OWN: Final = (
    Loss("fog_aggregator_frames_total", "frames", "outcome", 'outcome=~"too_old|refused"'),
    Loss("fog_aggregator_messages_refused_total", "messages refused", "reason", 'reason!="quarantined"'),
    Loss("fog_aggregator_values_refused_total", "values refused"),
    Loss("fog_aggregator_series_refused_total", "series refused", "reason"),
    Loss("fog_aggregator_memory_refused_total", "refused for want of memory", "what"),
    Loss("fog_aggregator_values_saturated_total", "counts that stand still"),
    Loss("fog_aggregator_saturated_sums", "sums that stand still", "name", now=True),
    Loss("fog_aggregator_epochs_rebased_total", "epochs rebased"),
    Loss("fog_aggregator_fields_unknown_total", "fields of a later version"),
    Loss("fog_aggregator_events_lost_total", "events lost"),
    Loss("fog_aggregator_events_refused_total", "events refused"),
    Loss("fog_aggregator_stream_trimmed_messages_total", "trimmed before they were read", "stream"),
    Loss("fog_aggregator_checkpoints_total", "checkpoints failed", only='result="failed"'),
    Loss("fog_aggregator_history_steps_failed_total", "steps of history"),
    Loss("fog_aggregator_history_writes_total", "writes of history failed", only='result="failed"'),
    Loss("fog_aggregator_history_files_damaged_total", "files of history damaged"),
    Loss("fog_aggregator_outgoing_samples_total", "samples refused by receivers", "receiver", 'result="refused"'),
    Loss("fog_aggregator_outgoing_steps_dropped_total", "steps not sent to receivers", "reason"),
    Loss("fog_aggregator_notifications_total", "notices of alerts", "result", 'result=~"refused|lost"'),
)
_BRANCHES: Final = (
    Loss("fog_aggregator_branch_nodes_unread", "nodes that nobody reads", "path", now=True),
    Loss("fog_aggregator_branches_lost_counts", "branches that lost counts", now=True),
    Loss("fog_aggregator_rollup_frames_dropped_total", "rollup frames dropped (resolution)"),
    Loss("fog_aggregator_rollup_series_refused_total", "rollup series refused"),
)
_NODES: Final = (
    Loss("fog_agent_frames_dropped_total", "frames dropped (resolution)"),
    Loss("fog_agent_events_lost_total", "events lost"),
    Loss("fog_agent_series_refused_total", "series refused"),
    Loss("fog_agent_journals_set_aside_total", "journals set aside", "reason"),
    Loss("fog_agent_source_errors_total", "readings of the host", "source"),
    Loss("fog_agent_source_items_left_out_total", "items of the host left out", "source"),
    Loss("fog_agent_source_refused_total", "refused by a source of a node", "source"),
    Loss("fog_agent_statsd_dropped_total", "datagrams of statsd dropped by a node's kernel", "source"),
    Loss("telemetry_problems_total", "problems in programs", "reason"),
    Loss("telemetry_source_errors_total", "readings of sources", "source"),
)
LOSSES: Final = (
    ("The aggregator's", "What it left out of its numbers, refused, or could not write.", _OWN),
    ("Of branches", "Where an aggregator has branches, or is one.", _BRANCHES),
    ("Of agents and programs", "What nodes say that they lost.", _NODES),
)
"""The panels: a title, a text, and the losses in each."""
