"""The dashboard of one place: its nodes, its numbers beside those of its siblings, and its children."""

from __future__ import annotations

from typing import Final

from deploy.grafana.source.model import (
    SHARE,
    Json,
    Query,
    Thresholds,
    heatmap,
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
    LEVEL,
    asked,
    datasource,
    jobs,
    level,
    metrics,
    open_both,
    open_page,
    open_subtree,
    page,
)

HERE: Final = f'{LEVEL},fog_path="$path"'
"""The place itself, with all that lies under it. Both labels: at a level, a shorter path is that node's own values."""
SIBLINGS: Final = f'{LEVEL},fog_path!="$path",fog_path=~"$parent/[^/]+"'
CHILDREN: Final = 'job=~"$branches",fog_level="$child",fog_path=~"$path/[^/]+"'
BELOW: Final = ',fog_path=~"$path(/.+)?"'
RATE: Final = f"sum(rate($counter{{{HERE}}}[5m]))"
RATES: Final = f"sum by (fog_path) (rate($counter{{{SIBLINGS}}}[5m]))"
TIMES_SIBLINGS: Final = f"{RATE} / (quantile(0.5, {RATES}) and on () count({RATES}) >= 4)"
"""The rate divided by the siblings' median, of four siblings and more."""
UNLIKE: Final[Thresholds] = ((None, "blue"), (1 / 3, "text"), (3.0, "orange"))
"""A third of the siblings' and less, or three times and more."""
TO_HERE: Final = [open_page("${path}")]
TO_PARENT: Final = [open_page("${parent}")]


def variables() -> list[Json]:
    """Make the variables. The parent and the level of the children follow from the place."""
    deep = 'fog_path=~"([^/]+/){$level}[^/]+"'
    at = f"label_values(fog_aggregator_nodes{{{LEVEL},{deep}}},fog_path)"
    above = f"label_values(fog_aggregator_nodes{{{HERE}}},fog_path)"
    return [
        datasource(),
        level(),
        asked("path", "Place", at),
        *metrics(HERE),
        page(),
        *jobs()[1:],
        asked("parent", "Parent", above, regex=r"/(.+)\/[^\/]+/", hidden=True),
        asked("child", "Level of the children", "query_result(vector($level + 1))", regex=r"/ (\d+) /", hidden=True),
    ]


def figures() -> list[tuple[int, Json]]:
    """Make the line of figures on top."""
    live = Query(rounded_down(share(HERE)), "live")
    oldest = Query(f"max(fog_aggregator_oldest_frame_age_seconds{{{HERE}}})", "oldest")
    share_text = "Share of the place's nodes that are live, rounded down. Amber below 100 %, red below 90 %."
    median = (
        "The rate divided by the median of the parent's other children, where there are four and more. "
        "Orange from 3 on, blue up to a third."
    )
    times = Query(TIMES_SIBLINGS, "× siblings")
    age = "Age of the last frame of the live node here that has been silent longest."
    nodes = [open_page("${path}", "nodes")]
    return [
        (4, stat("Live", share_text, live, unit="percentunit", thresholds=SHARE, decimals=2, links=TO_HERE)),
        (8, in_states(stat("Nodes", "By state.", Query(states(HERE), "{{state}}"), decimals=0, links=nodes))),
        (4, stat("Rate", "Of the chosen counter.", Query(RATE, "$counter"), unit="cps", links=TO_HERE)),
        (4, stat("× siblings", median, times, thresholds=UNLIKE, decimals=2, links=TO_PARENT)),
        (4, stat("Oldest frame", age, oldest, unit="s", links=nodes)),
    ]


def siblings() -> Json:
    """Make the chart of the rate beside those of the siblings."""
    band = [
        Query(f"quantile({which:g}, {RATES})", name) for which, name in ((0.1, "p10"), (0.5, "median"), (0.9, "p90"))
    ]
    panel = series(
        "Rate beside the siblings",
        "The chosen counter here, and the quantiles of the parent's other children.",
        Query(RATE, "$path"),
        *(Query(one.expr, f"siblings {one.legend}") for one in band),
        unit="cps",
        links=TO_HERE,
    )
    for name in ("siblings p10", "siblings median", "siblings p90"):
        override(panel, name, color={"mode": "fixed", "fixedColor": "#9fb0bf"}, links=TO_PARENT)
    return panel


def children() -> Json:
    """Make the table of the children, the worst first."""
    live = f'sum by (fog_path) (fog_aggregator_nodes{{{CHILDREN},state="live"}})'
    every = f"sum by (fog_path) (fog_aggregator_nodes{{{CHILDREN}}})"
    rate = f"sum by (fog_path) (rate($counter{{{CHILDREN}}}[5m]))"
    panel = table(
        "Children",
        "Places below this one: a Prometheus has them where it scrapes their level. The 100 worst; red from 10 %.",
        {"fog_path": "place", "Value #Q1": "not live", "Value #Q2": "nodes", "Value #Q3": "rate"},
        Query(f"topk(100, 1 - {live} / {every})"),
        Query(f"{every} and topk(100, 1 - {live} / {every})"),
        Query(f"{rate} and topk(100, 1 - {live} / {every})"),
        sort="not live",
    )
    colors = steps(((None, "text"), (1e-9, "orange"), (0.1, "red")))
    override(panel, "not live", unit="percentunit", thresholds=colors, custom__cellOptions={"type": "color-text"})
    override(panel, "rate", unit="cps")
    return override(panel, "place", links=open_both("${child}", "${__data.fields.fog_path}"))


def alerts() -> Json:
    """Make the list of the alerts that fire at and under the place."""
    columns = {"alertname": "alert", "severity": "severity", "fog_path": "place", "Value": "since"}
    text = "Each alert that fires at or under the place, and since when."
    panel = table("What fires here", text, columns, Query(firing(BELOW)), hidden=("fog_at",), sort="since")
    override(panel, "since", unit="dateTimeFromNow")
    path = "${__data.fields.fog_path}"
    return override(panel, "place", links=[open_subtree("${__data.fields.fog_at}", path), open_page(path, "alerts")])


def charts() -> tuple[Json, ...]:
    """Make the charts of states, the histogram and the gauge."""
    buckets = f"sum by (le) (increase(${{histogram}}_bucket{{{HERE}}}[$__interval]))"
    return (
        in_states(series("States", "Nodes by state.", Query(states(HERE), "{{state}}"), stacked=True, links=TO_HERE)),
        heatmap("Histogram", "Observations in each bucket.", Query(buckets, "{{le}}"), least="2m"),
        series(
            "Quantiles",
            "Of the chosen histogram, over five minutes.",
            *(Query(quantile(which, HERE), f"p{100 * which:g}") for which in (0.5, 0.9, 0.99)),
            links=TO_HERE,
        ),
        series(
            "Gauge",
            "Least, mean and most of the nodes' values, and what the gauge's rollup makes of them, as far as it has "
            "these; over all label sets.",
            *(Query(f'{stat}($gauge{{{HERE},stat="{stat}"}})', stat) for stat in ("min", "avg", "max")),
            Query(f'sum($gauge{{{HERE},stat=""}})', "rollup"),
            links=TO_HERE,
        ),
    )


def panels() -> list[Json]:
    """Make the panels, where they are."""
    over_time, heat, quantiles, gauge = charts()
    return lay_out(
        (4, figures()),
        (9, [(12, siblings()), (12, over_time)]),
        (9, [(14, children()), (10, alerts())]),
        (9, [(8, heat), (8, quantiles), (8, gauge)]),
    )
