"""The dashboard of the whole fleet: how much of it is live, what fires, which branch is behind a change."""

from __future__ import annotations

from deploy.grafana.source.model import (
    RED_ABOVE_ZERO,
    SHARE,
    Json,
    Query,
    in_states,
    lay_out,
    override,
    series,
    stat,
    steps,
    table,
)
from deploy.grafana.source.queries import firing, quantile, rounded_down, share, states
from deploy.grafana.source.variables import (
    FLEET,
    LEVEL,
    datasource,
    jobs,
    level,
    metrics,
    open_both,
    open_page,
    open_subtree,
    page,
)

BRANCH_RATE = f"sum by (fog_path) (rate($counter{{{LEVEL}}}[5m]))"
BRANCH_RATE_BEFORE = f"sum by (fog_path) (rate($counter{{{LEVEL}}}[5m] offset $before))"
OF_A_BRANCH = open_both("${level}", "${__field.labels.fog_path}")
OF_A_ROW = open_both("${level}", "${__data.fields.fog_path}")

FIRING = 'count(ALERTS{alertstate="firing",severity!="none"})'
WATCHDOG = 'count(ALERTS{alertname="FogWatchdog",alertstate="firing"})'
"""It has a value wherever the shipped rules are evaluated: without it nobody knows that nothing fires."""
NO_ALERTS = "Without the watchdog. Without a number the shipped rules are not evaluated here, as no watchdog fires."


def variables() -> list[Json]:
    """Make the variables."""
    choices = ["15m", "1h", "6h", "1d"]
    before = {
        "type": "custom",
        "name": "before",
        "label": "Compared with the time before",
        "query": ",".join(choices),
        "hide": 0,
        "includeAll": False,
        "multi": False,
        "current": {"text": "1h", "value": "1h", "selected": True},
        "options": [{"text": one, "value": one, "selected": one == "1h"} for one in choices],
    }
    return [datasource(), level(), *metrics(FLEET), before, page(), *jobs()]


def figures() -> list[tuple[int, Json]]:
    """Make the line of figures on top."""
    live = Query(rounded_down(share(FLEET)), "live")
    alerts = Query(f"{FIRING} or 0 * {WATCHDOG}", "firing")
    rate = Query(f"sum(rate($counter{{{FLEET}}}[5m]))", "$counter")
    oldest = Query(f"max(fog_aggregator_oldest_frame_age_seconds{{{FLEET}}})", "oldest")
    share_text = "Share of the known and expected nodes that are live, rounded down. Amber below 100 %, red below 90 %."
    age = "Age of the last frame of the live node that has been silent longest."
    top, listed, nodes = [open_page("")], [open_page("", "alerts")], [open_page("", "nodes")]
    return [
        (4, stat("Live", share_text, live, unit="percentunit", thresholds=SHARE, decimals=2, links=top)),
        (8, in_states(stat("Nodes", "By state.", Query(states(FLEET), "{{state}}"), decimals=0, links=nodes))),
        (
            4,
            stat("Alerts that fire", NO_ALERTS, alerts, thresholds=RED_ABOVE_ZERO, decimals=0, links=listed),
        ),
        (4, stat("Rate", "Of the chosen counter, over five minutes.", rate, unit="cps", links=top)),
        (4, stat("Oldest frame", age, oldest, unit="s", links=nodes)),
    ]


def alerts() -> Json:
    """Make the list of the alerts that fire."""
    columns = {"alertname": "alert", "severity": "severity", "fog_path": "place", "Value": "since"}
    text = (
        "Each alert that fires, and since when. The page joins those that have one cause. "
        "A Prometheus shows those of all its rules."
    )
    panel = table("What fires", text, columns, Query(firing()), hidden=("fog_at",), sort="since")
    override(panel, "since", unit="dateTimeFromNow")
    links = [
        open_subtree("${__data.fields.fog_at}", "${__data.fields.fog_path}"),
        open_page("${__data.fields.fog_path}", "alerts"),
    ]
    return override(panel, "place", links=links)


def worst() -> Json:
    """Make the table of the branches with the largest share that is not live."""
    live = f'sum by (fog_path) (fog_aggregator_nodes{{{LEVEL},state="live"}})'
    every = f"sum by (fog_path) (fog_aggregator_nodes{{{LEVEL}}})"
    expression = f"topk(10, 1 - {live} / {every})"
    panel = table(
        "Worst branches",
        "The ten places of the level with the largest share of nodes that are not live. Red from 10 %.",
        {"fog_path": "place", "Value": "not live"},
        Query(expression),
        sort="not live",
    )
    colors = steps(((None, "text"), (1e-9, "orange"), (0.1, "red")))
    override(
        panel,
        "not live",
        unit="percentunit",
        thresholds=colors,
        custom__cellOptions={"type": "color-text"},
    )
    return override(panel, "place", links=OF_A_ROW)


def blamed() -> Json:
    """Make the table of the branches that explain a change."""
    panel = table(
        "Who explains the change",
        "The five places of the level where the counter's rate rose most, compared with the time before.",
        {"fog_path": "place", "Value #Q1": "rise", "Value #Q2": "now"},
        Query(f"topk(5, {BRANCH_RATE} - {BRANCH_RATE_BEFORE})"),
        Query(f"topk(5, {BRANCH_RATE} - {BRANCH_RATE_BEFORE}) * 0 + {BRANCH_RATE}"),
        sort="rise",
    )
    override(panel, "rise", unit="cps")
    override(panel, "now", unit="cps")
    return override(panel, "place", links=OF_A_ROW)


def charts() -> tuple[Json, ...]:
    """Make the charts: states, rates of the fleet and of branches, quantiles, the oldest frames."""
    rate = Query(f"sum(rate($counter{{{FLEET}}}[5m]))", "$counter")
    by_branch = Query(f"topk(20, {BRANCH_RATE})", "{{fog_path}}")
    oldest = Query(f"topk(20, fog_aggregator_oldest_frame_age_seconds{{{LEVEL}}})", "{{fog_path}}")
    quantiles = (Query(quantile(which, FLEET), f"p{100 * which:g}") for which in (0.5, 0.9, 0.99))
    highest = "The twenty places of the level with the highest rate at each moment."
    age = "Age of the last frame of the live node that has been silent longest: the twenty highest."
    top, nodes = [open_page("")], [open_page("", "nodes")]
    every = series("States", "Nodes by state.", Query(states(FLEET), "{{state}}"), stacked=True, links=nodes)
    return (
        in_states(every),
        series("Rate of the fleet", "Of the chosen counter.", rate, unit="cps", links=top),
        series("Rate by branch", highest, by_branch, unit="cps", links=OF_A_BRANCH),
        series("Quantiles", "Of the chosen histogram in the whole fleet, over five minutes.", *quantiles, links=top),
        series("Oldest frame by branch", age, oldest, unit="s", links=OF_A_BRANCH),
    )


def panels() -> list[Json]:
    """Make the panels, where they are."""
    over_time, rate, by_branch, quantiles, oldest = charts()
    return lay_out(
        (4, figures()),
        (9, [(14, alerts()), (10, over_time)]),
        (9, [(12, worst()), (12, blamed())]),
        (9, [(8, rate), (16, by_branch)]),
        (9, [(12, quantiles), (12, oldest)]),
    )
