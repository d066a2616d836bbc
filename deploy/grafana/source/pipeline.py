"""The dashboard of the pipeline: whether the numbers can be believed, what was lost, what it costs."""

from __future__ import annotations

from typing import Any, Final

from deploy.grafana.source.losses import LOSSES
from deploy.grafana.source.model import (
    AMBER_ABOVE_ZERO,
    CRITICAL,
    NEUTRAL,
    RED_ABOVE_ZERO,
    WARNING,
    Json,
    Query,
    Thresholds,
    lay_out,
    row,
    series,
    stat,
)
from deploy.grafana.source.variables import FLEET, datasource, jobs, open_page, page

TRUE: Final[Thresholds] = ((None, CRITICAL), (1.0, NEUTRAL))
HOUR: Final[Thresholds] = ((None, CRITICAL), (3600.0, NEUTRAL))
FULL: Final[Thresholds] = ((None, NEUTRAL), (0.8, WARNING), (0.95, CRITICAL))
WORDS: Final = {0: "no", 1: "yes"}
LINKS: Final = [open_page("")]


def variables() -> list[Json]:
    """Make the variables."""
    return [datasource(), page(), *jobs()[:1]]


def own(name: str, more: str = "") -> str:
    """Write a selector of one of the aggregator's own metrics, or of the whole fleet's."""
    return f"{name}{{{FLEET}{more}}}"


def figure(title: str, text: str, expr: str, legend: str, **more: Any) -> Json:
    """Make a figure with a link to the page; further arguments as `stat` takes them."""
    return stat(title, text, Query(expr, legend), links=LINKS, **more)


def truth(title: str, text: str, name: str) -> Json:
    """Make a figure that says yes or no, of several series the worst."""
    return figure(title, text, f"min({own(name)})", title.lower(), thresholds=TRUE, words=WORDS)


def now() -> list[tuple[int, Json]]:
    """Make the line of figures on top."""
    gap = f"min({own('fog_aggregator_stream_until_gap_seconds')})"
    lag = f"sum({own('fog_aggregator_stream_lag_messages')})"
    version = f"count by (version) ({own('fog_aggregator_build_info')})"
    connected = "Whether the server answers for every stream that is read."
    up = "Whether a Prometheus reaches the aggregator. One that answers itself has no such number."
    away = "How long the aggregator may be away before a stream drops what it has not read. Red below an hour."
    full = "Bytes that it holds, of those that it may hold; a stream without a limit counts as empty."
    return [
        (3, truth("Ready", "Whether the numbers are complete and of this moment.", "fog_aggregator_ready")),
        (3, truth("Connected", connected, "fog_aggregator_connected")),
        (3, truth("Up", up, "up")),
        (3, figure("Lag", "Messages of the streams that are not read yet.", lag, "messages", decimals=0)),
        (4, figure("Until a gap", away, gap, "until a gap", unit="s", thresholds=HOUR)),
        (4, figure("Fullest stream", full, f"max({fill()})", "full", unit="percentunit", thresholds=FULL)),
        (4, figure("Version", "Of the aggregator.", version, "{{version}}", decimals=0)),
    ]


def fill() -> str:
    """Write the share of its bytes that each stream holds."""
    return f"{own('fog_aggregator_stream_bytes')} / {own('fog_aggregator_stream_limit_bytes')}"


def losses() -> list[tuple[int, list[tuple[int, Json]]]]:
    """Make a panel of figures for each source of losses, red above zero, and a chart of the reasons."""
    own, of_branches, of_nodes = (
        stat(
            title,
            text,
            *(loss.total(FLEET) for loss in found),
            thresholds=RED_ABOVE_ZERO,
            decimals=0,
            links=LINKS,
        )
        for title, text, found in LOSSES
    )
    reasons = (loss.reasons(FLEET) for _, _, found in LOSSES for loss in found)
    text = "Those above by their reasons, as far as there are any: without data nothing was lost."
    return [
        (6, [(24, own)]),
        (5, [(8, of_branches), (16, of_nodes)]),
        (7, [(24, chart("What was lost", text, *reasons))]),
    ]


def chart(title: str, text: str, *queries: Query, **more: Any) -> Json:
    """Make a chart with a link to the page; further arguments as `series` takes them."""
    return series(title, text, *queries, links=LINKS, **more)


def reading() -> list[Json]:
    """Make the charts of the streams."""
    lag = Query(own("fog_aggregator_stream_lag_messages"), "{{stream}}")
    gap = Query(own("fog_aggregator_stream_until_gap_seconds"), "{{stream}}")
    held = "Bytes that a stream holds, of those that it may hold."
    frames = Query(f"sum by (outcome) (rate({own('fog_aggregator_frames_total')}[5m]))", "{{outcome}}")
    names = ("values_late", "values_unknown", "frames_missing")
    late = (Query(f"rate({own(f'fog_aggregator_{name}_total')}[5m])", name.replace("_", " ")) for name in names)
    text = "Values and frames that came late, or will come with the next keyframe; none of them is lost."
    return [
        chart("Lag of each stream", "Messages not read yet.", lag),
        chart("Until a gap, of each stream", "Red below an hour.", gap, unit="s", thresholds=HOUR),
        chart("Fill of the streams", held, Query(fill(), "{{stream}}"), unit="percentunit", thresholds=FULL),
        chart("Frames", "By what became of them.", frames, unit="cps", stacked=True),
        chart("Late", text, *late, unit="cps"),
    ]


def wrong() -> list[tuple[int, Json]]:
    """Make the figures of what waits, and of what nodes disagree about."""
    unsaved = own("fog_aggregator_checkpoint_unsaved_seconds")
    failed = own("fog_aggregator_checkpoints_total", ',result="failed"')
    again = "For how long numbers may have been read that a kill -9 has to read again."
    parts = (
        ("Epochs that wait", "Writers that want a keyframe: their counts are late.", "fog_aggregator_epochs_gapped"),
        ("Contended paths", "Paths with several writers that do not say so.", "fog_aggregator_paths_contended"),
        ("Conflicts", "Families that nodes disagree about.", "fog_aggregator_families_conflicting"),
        ("Paths in quarantine", "Taken out by an operator.", "fog_aggregator_paths_quarantined"),
    )
    found = [
        figure(title, text, own(name), title.lower(), thresholds=AMBER_ABOVE_ZERO, decimals=0)
        for title, text, name in parts
    ]
    found += [
        figure("Not in a checkpoint", again, unsaved, "unsaved", unit="s"),
        figure(
            "Checkpoints that failed",
            "In the last hour.",
            f"increase({failed}[1h])",
            "failed",
            thresholds=RED_ABOVE_ZERO,
            decimals=0,
        ),
    ]
    return [(4, one) for one in found]


def cost() -> list[Json]:
    """Make the charts of what the pipeline takes."""
    duration = Query(own("fog_aggregator_checkpoint_duration_seconds"), "duration")
    outbox = Query(f"max({own('fog_agent_outbox_frames')})", "frames")
    cpu = (
        Query(f"rate({own(f'fog_aggregator_{name}_cpu_seconds_total')}[5m])", word)
        for name, word in (("process", "aggregator"), ("checkpoint", "checkpoints"))
    )
    memory = (
        Query(own("fog_aggregator_process_resident_memory_bytes"), "resident"),
        Query(f"sum by (account) ({own('fog_aggregator_memory_bytes')})", "{{account}}"),
        Query(own("fog_aggregator_memory_limit_bytes"), "limit"),
    )
    asked = Query(f"sum by (result) (rate({own('fog_aggregator_api_requests_total')}[5m]))", "{{result}}")
    charged = "Resident, and as it is charged to accounts, beside the limit of the latter."
    return [
        chart("Checkpoints", "How long the last one took.", duration, unit="s"),
        chart("Largest outbox of an agent", "Frames that wait to be acknowledged.", outbox),
        chart("CPU of the aggregator", "Cores.", *cpu),
        chart("Memory of the aggregator", charged, *memory, unit="bytes"),
        chart("Questions", "To /api/v1, by result.", asked, unit="reqps"),
    ]


def panels() -> list[Json]:
    """Make the panels, where they are."""
    lag, until, fill, frames, late = reading()
    checkpoints, outbox, cpu, memory, questions = cost()
    return lay_out(
        (4, now()),
        (1, [(24, row("Losses within an hour: red above zero"))]),
        *losses(),
        (1, [(24, row("Reading"))]),
        (8, [(8, lag), (8, until), (8, fill)]),
        (8, [(12, frames), (12, late)]),
        (4, wrong()),
        (1, [(24, row("What it takes"))]),
        (8, [(8, checkpoints), (8, outbox), (8, questions)]),
        (8, [(12, cpu), (12, memory)]),
    )
