"""A place with made-up answers: its charts and children, what it is judged by, and what its events say."""

from __future__ import annotations

import re

import pytest

from tests.page.browser import Tab, needs_browser
from tests.page.made_up import made

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
LACKING = """const { Branch } = await import('./views/branch.js');
const { Node } = await import('./views/node.js');
const { Fleet } = await import('./data/fleet.js');
const { Tree } = await import('./data/tree.js');
const before = window.fetch;
const asked = [];
const rows = { size: { value: 1, labels: {} }, fog_aggregator_nodes: { value: 1, labels: { state: 'live' } } };
const answers = {
    changes: { names: ['size'], changes: [], compared: 1, to: 1 }, snapshot: { metrics: rows },
    explain: { total: [], node: { epochs: [], closed: [], folded: 0 } }, nodes: { nodes: [] }, events: { events: [] },
    tree: { children: [] }, 'v1/query_range': { data: { result: [] } },
};
window.fetch = async (address) => {
    const url = new URL(address);
    asked.push(`${url.pathname.slice('/api/'.length)} ${url.searchParams.get('query') ?? ''}`);
    return Response.json(answers[url.pathname.slice('/api/'.length)] ?? {});
};
const live = new EventTarget();
live.status = { ready: true, levels_kept: [0] };
const fleet = new Fleet(live);
fleet.families = [{ name: 'size', type: 'gauge' }];
fleet.tree = new Tree(columns([1, 1, 1], [1, 1], ['fog', 'a', 'b'], '--l'));
const views = [];
try {
    for (const [View, path] of [[Branch, 'fog/a'], [Node, 'fog/a/b']]) {
        const view = new View({ route: { ...route, path }, live, fleet, status: live.status, now, hits: [], act: {} });
        document.getElementById('main').append(view.element);
        views.push(view);
    }
    const body = () => views.map(({ element }) => element.innerText).join();
    const end = Date.now() + 30000;
    const lacking = () => body().split('No past is kept').length - 1;
    while (lacking() < 4 && Date.now() < end) await new Promise((done) => setTimeout(done, 50));
    const faults = views.flatMap(({ element }) => [...element.querySelectorAll('.error')]).length;
    return [asked.filter((one) => /likeness|fog_level="[12]"/.test(one)), body(), faults];
} finally {
    window.fetch = before;
    for (const view of views) view.close();
    for (const { element } of views) element.remove();
}"""
"""Open a place and a node of a level without a past: what was asked about it, what both say, and how many faults."""


async def test_the_charts_are_of_metrics_of_the_place(page: Tab) -> None:
    """Metrics that only other places have are left out; the metric of the address stands first all the same."""
    shown = await made(
        page,
        """const { Charts } = await import('./parts/charts.js');
        const families = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name, type: 'gauge' }));
        return ['', 'b'].map((m) => {
            const page = { route: { query: { m } }, fleet: { families }, changed: [{ name: 'e' }] };
            const charts = new Charts(page, 'fog/a');
            charts.prepare(['d', 'e', 'f']);
            charts.close();
            return charts.metrics.map(({ name }) => name).join('');
        });""",
    )
    assert shown == ["edf", "bedf"]


async def test_what_a_place_lacks_is_said(page: Tab) -> None:
    """A level that has no past is not asked for it: children, a node's ratios and its day say so, as no fault."""
    asked, said, faults = await made(
        page,
        LACKING,
    )
    assert asked == []
    assert [said.count(f"No past is kept of level {level}") for level in (1, 2)] == [1, 3], said
    assert "fog_aggregator_nodes" not in said
    assert faults == 0


async def test_charts_of_a_level_that_has_a_past_at_last(page: Tab) -> None:
    """They stand where no past was said to be kept. A level that only a branch has is asked for."""
    said = await made(
        page,
        """const { Charts } = await import('./parts/charts.js');
        const { Fleet } = await import('./data/fleet.js');
        const { Tree } = await import('./data/tree.js');
        const live = new EventTarget();
        const fleet = new Fleet(live);
        fleet.families = [{ name: 'size', type: 'gauge' }];
        fleet.tree = new Tree(columns([1, 1], [1], ['fog', 'a'], '-l'));
        const charts = new Charts({ route, fleet }, 'fog/a');
        const said = [[0], [0, 1]].map((kept) => {
            live.status = { levels_kept: kept };
            const jobs = charts.jobs({ from: 0, to: 100 }, {});
            return [jobs.length, charts.body.hidden, charts.rest.textContent.split(':')[0]];
        });
        charts.close();
        return [...said, fleet.lacks(2)];""",
    )
    assert said == [[0, True, "No past is kept of level 1"], [1, False, ""], ""]


async def test_colours_wait_for_the_places(page: Tab) -> None:
    """A link with a metric is opened before the tree is there: the map has its colours with the first answer."""
    assert await made(
        page,
        """const { Fleet } = await import('./data/fleet.js');
        const { Tree } = await import('./data/tree.js');
        const { Colouring } = await import('./parts/colouring.js');
        const tree = new Tree(columns([2], [], ['a', 'b'], 'll'));
        const data = btoa(String.fromCharCode(...new Uint8Array(new Float32Array([1, 2]).buffer)));
        const before = window.fetch;
        window.fetch = async () => Response.json({ shape: tree.shape, type: 'float32', scale: 1, data });
        try {
            const fleet = new Fleet(new EventTarget());
            const colouring = new Colouring({ route: { query: { m: 'size' } }, fleet });
            const loading = colouring.load();
            fleet.tree = tree;
            fleet.dispatchEvent(new CustomEvent('tree'));
            await loading;
            return colouring.of(tree)?.high ?? null;
        } finally {
            window.fetch = before;
        }""",
    ) == pytest.approx(2)


async def test_the_heads_of_columns(page: Tab) -> None:
    """A metric's last word, with what is no word behind it; its unit is beside."""
    heads = await made(
        page,
        """const { headOf } = await import('./parts/children.js');
        const names = ['order_errors_total', 'swarm_work_0_total', 'error_ratio', 'request_duration_seconds', 'io_ms'];
        return names.map(headOf);""",
    )
    assert heads == ["errors", "work_0", "error", "duration", "io_ms"]


async def test_a_place_is_judged_by_its_own_problems(page: Tab) -> None:
    """A line of nodes here and elsewhere has another place and another number: it is not the verdict here."""
    found = await made(
        page,
        """const { Branch } = await import('./views/branch.js');
        const wrong = [{ path: 'fog/a/0' }, { path: 'fog/b', paths: ['fog/b', 'fog/a'] }];
        const { get } = Object.getOwnPropertyDescriptor(Branch.prototype, 'problems');
        return get.call({ page: { fleet: { problems: wrong } }, path: 'fog/a' }).map(({ path }) => path);""",
    )
    assert found == ["fog/a/0"]


async def test_a_chart_is_as_high_as_what_was_observed(page: Tab) -> None:
    """Buckets above the largest observation, which count all below them too, do not make it higher."""
    high = await made(
        page,
        """const { bounds } = await import('./draw/chart.js');
        const heat = { bounds: [0.1, 0.2, 10, Infinity], rows: [[1, 1], [1, 2], [1, 2], [1, 2]] };
        return bounds({ line: [0.1, 0.15], heat }).high;""",
    )
    assert high == 0.2


async def test_a_number_of_an_earlier_moment_says_so(page: Tab) -> None:
    """The last value of a line that ended stands with its time; one that goes on has none."""
    ended, goes_on = await made(
        page,
        """const { ChartCard } = await import('./parts/chart_card.js');
        return [NaN, 7].map((last) => {
            const card = new ChartCard({ metric: { name: 'queue_size', type: 'gauge' }, path: 'fog/a', choose() {} });
            card.data = { line: [5, 5, 5, last, last, last, last], times: [0, 60, 120, 180, 240, 300, 360], span: {} };
            card._told(null, [], () => []);
            card.close();
            return card.now.textContent;
        });""",
    )
    assert re.fullmatch(r"5  at \d\d:\d\d", ended), ended
    assert goes_on.strip() == "7"


async def test_what_an_event_says(page: Tab) -> None:
    """An object is its names and values, a number has three digits; what runs from right to left turns itself alone."""
    said, said_turned, few, many = await made(
        page,
        """const { eventsCard, saying } = await import('./parts/events.js');
        const value = { to: 'fog/3', took: 0.006550160264312706, all: [1, 2] };
        const page = { now: () => 100, route: { path: '', query: {} } };
        const of = (number) => ({ events: Array(number).fill({ timestamp: 90, path: 'fog', name: 'a' }) });
        const made = (number) => eventsCard(page, { path: '', answer: of(number), error: '', at: 0 });
        const card = (number) => made(number).querySelector('.end').textContent;
        const turned = saying({ labels: { a: '\\u202etxt.exe', b: '\\u05e9', c: 'plain' } });
        const said = saying({ value, labels: { source: 'demo' }, metadata: { size: 1234567 } });
        return [said, turned, card(99), card(100)];""",
    )
    assert said == "to=fog/3 took=0.00655 all=[1,2] source=demo size=1,234,567"
    assert said_turned == "a=\u2068\u202etxt.exe\u2069 b=\u2068\u05e9\u2069 c=plain"
    assert (few, many) == ("99 in the hour · all", "100 or more in the hour · all")


async def test_the_child_with_an_alert_stands_first(page: Tab) -> None:
    """Before those with larger values: it is what Enter opens."""
    names = await made(
        page,
        """const { Tree } = await import('./data/tree.js');
        const { Children } = await import('./parts/children.js');
        const wrong = [['Errors', 'fog/b/0'], ['', 'fog/c'], ['Other', 'x']].map(([alert, path]) => ({ alert, path }));
        const children = new Children({ route: { query: {} }, fleet: { problems: wrong } }, 'fog');
        children.values = new Map([['fog/a', 9], ['fog/b', 1], ['fog/c', 5]]);
        children.show(new Tree(columns([1, 3], [3], ['fog', 'a', 'b', 'c'], '-lll')));
        return [children.first.name, ...children.shown.map(({ name }) => name)];""",
    )
    assert names == ["b", "b", "a", "c"]


async def test_a_child_is_unlike_by_ratio_and_distance(page: Tab) -> None:
    """Three times the median is nothing among values that are far apart; beside equal ones it is."""
    marked = await made(
        page,
        """const { Tree } = await import('./data/tree.js');
        const { Children } = await import('./parts/children.js');
        const tree = new Tree(columns([1, 6], [6], ['fog', 'a', 'b', 'c', 'd', 'e', 'f'], '-llllll'));
        const marked = (values) => {
            const children = new Children({ route: { query: {} }, fleet: { problems: [] } }, 'fog');
            children.metric = { name: 'size', type: 'gauge' };
            children.values = new Map(values.map((value, place) => [`fog/${'abcdef'[place]}`, value]));
            children.show(tree);
            const rows = [...children.element.querySelectorAll('tr:has(td.bad)')];
            return rows.map((row) => row.querySelector('a').textContent).join('');
        };
        return [marked([1, 2, 10, 18, 25, 60]), marked([10, 10, 11, 10, 9, 40])];""",
    )
    assert marked == ["", "f"]


async def test_what_a_node_shows_first(page: Tab) -> None:
    """It is what its alert is about, then what is unlike others; what a program has of itself is neither."""
    names, oddest, marked = await made(
        page,
        """const { NodeMetrics } = await import('./parts/node_metrics.js');
        const families = ['a', 'odd', 'ratio', 'telemetry_events_total'].map((name) => ({ name, type: 'gauge' }));
        const fleet = { families, family() {}, problems: [{ alert: 'Errors', path: 'fog/a', metric: 'ratio' }] };
        const metrics = new NodeMetrics({ route: { query: {} }, fleet }, 'fog/a', () => {});
        const unlike = (metric) => [metric, { metric, all: { unlike: true, ratio: 9 } }];
        metrics.rows = families.map(({ name }) => ({ key: name, name, labels: {}, type: 'gauge', value: 1 }));
        metrics.like = new Map(['telemetry_events_total', 'odd'].map(unlike));
        metrics._order();
        const bold = [...metrics.body.querySelectorAll('b')].map(({ textContent }) => textContent);
        return [metrics.rows.map(({ name }) => name), metrics.oddest.metric, bold];""",
    )
    assert names == ["ratio", "odd", "a", "telemetry_events_total"]
    assert (oddest, marked) == ("odd", ["odd"])
