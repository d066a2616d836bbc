"""Parts of the page with made-up answers: what each of them says, and which pixels the map of a large fleet has."""

from __future__ import annotations

import json
from math import isnan

import pytest

from tests.page.browser import Tab, needs_browser
from tests.page.made_up import made

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]

LARGE: str = """const { Tree } = await import('./data/tree.js');
const { paint, rows } = await import('./draw/icicle.js');
const { colours, sheet } = await import('./draw/colours.js');
const leaves = 100000;
const names = ['fog', ...Array.from({ length: 100 }, (_, at) => `r${String(at).padStart(3, '0')}`)];
for (let at = 0; at < leaves; at += 1) names.push(`n${String(at % 1000).padStart(3, '0')}`);
const states = Array(101).fill('-').concat(Array(leaves).fill('l'));
states[101 + 50500] = 'd';
states[101 + 20500] = 's';
const made = columns([1, 100, leaves], [100, ...Array(100).fill(1000)], names, states.join(''));
const tree = new Tree(made);
const canvas = h('canvas', { css: { position: 'fixed', width: '932px', height: '324px' } });
document.body.append(canvas);
const { pen } = sheet(canvas);
paint(pen, tree, { width: 932, height: 324, from: 0, to: tree.total, levels: [0, 3] });
const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
canvas.remove();
const names_ = new Map(['live', 'critical', 'stale-thin'].map((name) => [colours()[name], name]));
const boxes = rows(3, 324).map((row) => {
    const found = {};
    for (let y = Math.round(row.top); y < Math.round(row.top + row.height); y += 1) {
        for (let x = 0; x < width; x += 1) {
            const at = (y * width + x) * 4;
            if (!data[at + 3]) continue;
            const hex = `#${[0, 1, 2].map((part) => data[at + part].toString(16).padStart(2, '0')).join('')}`;
            const name = names_.get(hex) ?? hex;
            found[name] ??= { left: x, right: x, top: y, bottom: y };
            const box = found[name];
            Object.assign(box, { left: Math.min(box.left, x), right: Math.max(box.right, x), bottom: y });
        }
    }
    const size = ({ left, right, top, bottom }) => [right - left + 1, bottom - top + 1];
    return Object.fromEntries(Object.entries(found).map(([name, box]) => [name, size(box)]));
});
return boxes;"""
"""Paint a map of 100,000 nodes where one departed and one is stale; the width and height of each colour, by level."""


async def test_seven_problems_and_how_many_more(page: Tab) -> None:
    """Of eleven."""
    said = await made(
        page,
        """const { problemsCard } = await import('./parts/problems.js');
        const told = { route, problems, silenced: 2, now: 10000, sparks: new Map(), select() {}, act: {}, error: null };
        const card = problemsCard({ ...told, selected: problems[0], empty: null });
        const lines = [...card.querySelectorAll('.problem')];
        return [lines.length, card.textContent.includes('and 4 more'), lines[0].getAttribute('aria-selected'),
            card.querySelectorAll('.actions').length];""",
    )
    assert said == [7, True, "true", 1]


async def test_where_nothing_is_wrong(page: Tab) -> None:
    """The last problem, and the pending alert that fires first."""
    said = await made(
        page,
        """const { calm } = await import('./parts/calm.js');
        const full = { title: 'Full', path: '', fires_at: 10600 };
        const hot = { title: 'Hot', path: 'fog/2', fires_at: 10090 };
        const resolved = [{ title: 'Lost', path: 'fog/3', end: 9700 }];
        const of = ([pending, resolved]) => ({ fleet: { alerts: { pending, resolved, silenced: [] } }, now });
        return [[[full, hot], resolved], [[full], []], [[], []]].map((one) => h('div', calm(of(one))).textContent);""",
    )
    assert "Last problemLost fog/3, ended 5 min ago" in said[0]
    assert "Nearest to firingHot fog/2, in 90 s" in said[0]
    assert "Nearest to firingFull, in " in said[1], "an alert of the aggregator has no place"
    assert "Last problemnone since the aggregator began" in said[2]
    assert "Nearest to firingnothing is pending" in said[2]


async def test_whether_a_number_adds_up(page: Tab) -> None:
    """Its writers, those that ended and open gaps; both numbers where the sum is another one."""
    said = await made(
        page,
        """const { sums } = await import('./parts/explain.js');
        const values = [{ labels: {}, value: 40 }];
        const epoch = { epoch: '0123456789abcdef', born: 9000, heard: 9999, gaps: 2, awaits_keyframe: false, values };
        const node = { epochs: [epoch], closed: [{ labels: {}, value: 2 }], folded: 3, baselines: 1 };
        const told = (value) => {
            const answer = { name: 'orders_total', node, total: [{ labels: {}, value }] };
            const body = h('div', sums(answer, 10000, { labels: {} }));
            return [...body.querySelectorAll('tr')].map((row) => row.textContent);
        };
        const total = ['a', 'b', 'c'].map((kind) => ({ labels: { kind }, value: 1 }));
        const of = (explain) => h('div', sums({ name: 'x', node, total }, 10000, explain)).querySelectorAll('p');
        const texts = (explain) => [...of(explain)].map(({ textContent }) => textContent);
        return [told(42), told(41), [texts({ labels: { kind: 'b' } }), texts({ labels: {}, all: true })]];""",
    )
    assert said[2] == [['x{kind="b"}', "show 2 more label sets"], ['x{kind="a"}', 'x{kind="b"}', 'x{kind="c"}']]
    assert said[0] == [
        "writer 0123…ef since 17 min40frame 1.0 s ago",
        "3 writers that ended2closed total, 1 came back",
        "late, awaited by a gap\N{EN DASH}2 gaps open",
        "exported42✓ sum of the above",
    ]
    assert said[1][-1] == "exported41does not add up: 42"


async def test_what_failed_keeps_what_it_had(page: Tab) -> None:
    """With the error and the time of what is shown; without an answer the error alone. A young history says its age."""
    said = await made(
        page,
        """const { eventsCard } = await import('./parts/events.js');
        const { changesCard, readChanges } = await import('./parts/changes.js');
        const { failed } = await import('./parts/failed.js');
        const event = { name: 'deployed', path: 'fog/1', timestamp: 9990, labels: {}, metadata: {}, value: null };
        const error = 'the aggregator does not answer';
        const shown = eventsCard({ route, now }, { path: '', answer: { events: [event] }, error, at: 9995 });
        const none = eventsCard({ route, now }, { path: '', answer: null, error, at: NaN });
        const young = readChanges({ changes: [], compared: 0, from: 6400, to: 10000, since: 9280 });
        const changed = changesCard({ route, answer: young, sparks: new Map(), colour() {}, error: failed('', 1) });
        const { clock } = await import('./base/numbers.js');
        return [shown.textContent, none.textContent, changed.textContent, clock(9995)];""",
    )
    assert f"the aggregator does not answer: this is of {said[3]}" in said[0]
    assert "deployed" in said[0]
    assert said[1].strip() == "the aggregator does not answer"
    assert "Too young to compare: 12 min of history" in said[2]


async def test_a_departed_node_can_be_forgotten(page: Tab) -> None:
    """And no other one."""
    said = await made(
        page,
        """const { commandOf } = await import('./views/nodes.js');
        return ['departed', 'stale', 'live', 'quarantined'].map((state) => commandOf({ state, path: 'fog/a b' }));""",
    )
    assert said == ["fog forget 'fog/a b'", "", "", "fog quarantine 'fog/a b' --lift"]


async def test_a_histogram_has_three_quantiles(page: Tab) -> None:
    """Its chart asks for them, and for the heat, at once; each query names level and path."""
    asked = await made(
        page,
        """const { ChartCard } = await import('./parts/chart_card.js');
        const metric = { name: 'wait_seconds', type: 'histogram' };
        const card = new ChartCard({ metric, path: 'fog/a', choose() {} });
        const queries = card._queries('1m');
        card.close();
        return queries;""",
    )
    assert list(asked) == ["main", "p50", "p90", "heat"]
    for name, share in (("main", "0.99"), ("p50", "0.5"), ("p90", "0.9")):
        assert asked[name].startswith(f"histogram_quantile({share}, ")
    assert all('{fog_level="1",fog_path="fog/a"}' in query for query in asked.values())


async def test_what_the_map_says_of_a_value(page: Tab) -> None:
    """The median of a place's siblings, and none below four of them. Pins that overlap are one."""
    said = await made(
        page,
        """const { Tree } = await import('./data/tree.js');
        const { Means } = await import('./draw/layers.js');
        const { MapCard } = await import('./parts/map.js');
        const tree = new Tree(columns([1, 6], [6], ['fog', 'a', 'b', 'c', 'd', 'e', 'f'], '-llllll'));
        const means = new Means(tree, Float32Array.from([NaN, 8, 1, 4, 2, NaN, 2]));
        const map = new MapCard({ height: 100, open() {} });
        map.element.style.width = '900px';
        document.getElementById('main').append(map.element);
        const pin = (path, number) => ({ path, number, severity: 'critical' });
        map.show(tree, { pins: [pin('fog/a', 1), pin('fog/f', 2), pin('fog/a', 3), pin('fog/gone', 4)] });
        const pins = [...map.marks.children].map((one) => one.textContent);
        map.press('ArrowDown'); // the first key chooses the top, the next ones go down and along
        map.press('ArrowDown');
        map.press('ArrowRight');
        const tree_ = map.canvas.getAttribute('role');
        const said = [map.item.textContent, map.item.getAttribute('role'), tree_];
        map.close();
        map.element.remove();
        return [means.siblings(1), means.siblings(0), pins, said];""",
    )
    assert said[0] == 2
    assert isnan(said[1])
    assert said[2] == ["1·3", "2"]
    assert said[3] == ["fog/b: 1 node, 1 live", "treeitem", "tree"]


async def test_one_dead_node_of_a_hundred_thousand_is_to_be_seen(page: Tab) -> None:
    """In places narrower than a pixel: at least so high, in its own colour, never blended; above it as a block."""
    found = await made(page, LARGE)
    assert all(set(level) == {"live", "critical", "stale-thin"} for level in found), (
        found
    )  # pure colours, in each level
    assert [level["critical"] for level in found[:1]] == [[2, 4]]  # of two nodes each has half of the block
    assert found[1]["critical"] == [3, 4]  # a place narrower than twelve pixels
    assert found[2]["critical"] == [1, 3]
    assert found[2]["stale-thin"] == [1, 2]


async def test_no_place_of_the_map_is_left_out(page: Tab) -> None:
    """Neither one beside a place of no width, nor the pixels of places a little wider than a pixel."""
    beside, narrow = await made(
        page,
        """const { Tree } = await import('./data/tree.js');
        const { paint } = await import('./draw/icicle.js');
        const { colours, sheet } = await import('./draw/colours.js');
        const leaves = (number) => Array(number).fill('n');
        const painted = (tree, wide, levels, row) => {
            const canvas = h('canvas', { css: { position: 'fixed', width: `${wide}px`, height: '60px' } });
            document.body.append(canvas);
            const { pen } = sheet(canvas);
            paint(pen, tree, { width: wide, height: 60, from: 0, to: tree.total, levels: [0, levels] });
            const { data, width } = pen.getImageData(0, row, canvas.width, 1);
            canvas.remove();
            const names = new Map(['live', 'critical'].map((name) => [colours()[name], name[0]]));
            const hex = (at) => [0, 1, 2].map((part) => data[at + part].toString(16).padStart(2, '0')).join('');
            const letter = (at) => (data[at + 3] ? names.get(`#${hex(at)}`) : '.');
            return Array.from({ length: width }, (_, x) => letter(4 * x)).join('');
        };
        const beside = columns([3, 82], [41, 0, 41], ['a', 'b', 'c', ...leaves(82)], '-d-' + 'l'.repeat(82));
        const narrow = columns([1, 300], [300], ['a', ...leaves(300)], '-' + 'l'.repeat(300));
        return [painted(new Tree(beside), 35, 1, 30), painted(new Tree(narrow), 309, 2, 40)];""",
    )
    assert beside == "l" * 15 + ".." + "c" + "l" * 15 + ".."
    assert narrow == "l" * 309


async def test_no_value_is_no_zero(page: Tab) -> None:
    """Coloured by a metric, what is not live is hatched in grey, and a live place without a value is grey.

    One that is infinite spoils no sum of the places beside it.
    """
    found, beside = await made(
        page,
        """const { Tree } = await import('./data/tree.js');
        const { byMetric, Means } = await import('./draw/layers.js');
        const { paint, rows } = await import('./draw/icicle.js');
        const { colours, sheet } = await import('./draw/colours.js');
        const tree = new Tree(columns([4], [], ['a', 'b', 'c', 'd'], 'llsl'));
        const colour = byMetric(new Means(tree, Float32Array.from([0, 10, NaN, NaN])));
        const canvas = h('canvas', { css: { position: 'fixed', width: '400px', height: '60px' } });
        document.body.append(canvas);
        const { pen } = sheet(canvas);
        paint(pen, tree, { width: 400, height: 60, from: 0, to: tree.total, levels: [0, 1], colour });
        const pixels = (place) => {
            const all = new Set();
            for (let y = 0; y < canvas.height; y += 1) {
                const [red, green, blue] = pen.getImageData(Math.round((place + 0.5) * canvas.width / 4), y, 1, 1).data;
                all.add(`#${[red, green, blue].map((part) => part.toString(16).padStart(2, '0')).join('')}`);
            }
            const names = Object.entries(colours()).filter(([, value]) => all.has(value)).map(([name]) => name);
            return names.filter((name) => ['ramp0', 'ramp4', 'badge', 'ink3'].includes(name)).sort().join();
        };
        const said = [0, 1, 2, 3].map(pixels);
        canvas.remove();
        const infinite = byMetric(new Means(tree, Float32Array.from([Infinity, 10, NaN, NaN])));
        return [said, [infinite.range(0, 1) === colours().badge, infinite.range(1, 2) === colours().ramp4]];""",
    )
    assert beside == [True, True]
    assert found == ["ramp0", "ramp4", "badge,ink3", "badge"]


async def test_type_space_and_corners(page: Tab) -> None:
    """Sizes of texts with their lines, corners of what is round, heights of bars and rows, figures of one width."""
    found = await made(
        page,
        """const box = h('div', h('section.card.verdict', h('h1', 'a')), h('div.figures', h('dd', '1')), h('p', 'a'),
            h('p.note', 'a'), h('p.label', 'a'), h('code', 'a'), h('kbd', 'a'), h('button.button', 'a'),
            h('span.badge', '1'), h('span.sign.critical', '1'), h('table', h('tbody', h('tr', h('td', '1')))));
        document.getElementById('main').append(box);
        const style = (selector) => getComputedStyle(box.querySelector(selector));
        const type = (selector) => [style(selector).fontSize, style(selector).lineHeight].map(parseFloat).join('/');
        const said = {
            type: ['h1', 'dd', 'p:not([class])', '.note', '.label'].map(type),
            code: style('code').fontSize, keys: style('kbd').fontSize,
            corners: ['.card', '.button', '.badge', '.sign.critical'].map((one) => style(one).borderRadius),
            row: box.querySelector('td').getBoundingClientRect().height,
            bars: ['header.top', 'footer'].map((one) => document.querySelector(one).getBoundingClientRect().height),
            figures: getComputedStyle(document.documentElement).fontVariantNumeric,
        };
        box.remove();
        return said;""",
    )
    assert found == {
        "type": ["21/27", "17/22", "14/20", "13/18", "12/17"],
        "code": "12.5px",
        "keys": "11px",
        "corners": ["8px", "6px", "9px", "4px"],
        "row": 32,
        "bars": [48, 28],
        "figures": "tabular-nums",
    }


async def test_few_questions_at_once(page: Tab) -> None:
    """Of ten at most four are on their way; an open view asks for one of its parts at a time."""
    most, asked = await made(
        page,
        """const { ask } = await import('./data/api.js');
        const { Rounds } = await import('./base/once.js');
        const before = window.fetch;
        let [flying, most] = [0, 0];
        window.fetch = async () => {
            flying += 1;
            most = Math.max(most, flying);
            await new Promise((resolve) => setTimeout(resolve));
            flying -= 1;
            return new Response('{}');
        };
        try {
            await Promise.all(Array.from({ length: 10 }, (_, number) => ask('api/nothing', { number })));
        } finally {
            window.fetch = before;
        }
        const asked = [];
        const jobs = ['a', 'b', 'c'].map((name) => async () => { asked.push(name); });
        const rounds = new Rounds();
        await rounds.run(jobs, true);
        for (let round = 0; round < 4; round += 1) await rounds.run(jobs, false);
        return [most, asked.join('')];""",
    )
    assert (most, asked) == (4, "abcabca")


async def test_the_line_of_a_problem_is_that_of_its_place(page: Tab) -> None:
    """An alert's expression has a row for each place; one without places, and what changed, have one alone."""
    rows = [("fog/1", "0", 7), ("fog/2/3", "0", 8), ("fog/2/4", "0", 9), (None, "1", 5), ("fog/1", "2", 7)]
    result = [
        {"metric": ({"fog_path": at} if at else {}) | {"fog_row": row}, "values": [[0, str(value)]]}
        for at, row, value in rows
    ]
    lines = await made(
        page,
        f"""const {{ Sparks }} = await import('./data/sparks.js');
        const before = window.fetch;
        window.fetch = async () => new Response(JSON.stringify({{ data: {{ result: {json.dumps(result)} }} }}));
        try {{
            const sparks = new Sparks();
            const wanted = [['a', 'fog/2'], ['b', 'fog/9'], ['c', 'fog/2']];
            const problems = wanted.map(([id, path]) => ({{ id, path, query: 'x' }}));
            await sparks.load({{ changes: [], problems }}, {{ from: 0, to: 60 }});
            return [...sparks.problems].map(([id, values]) => `${{id}} ${{values[0]}}`);
        }} finally {{
            window.fetch = before;
        }}""",
    )
    assert lines == ["a 8", "b 5"]


async def test_queries_name_level_and_path_together(page: Tab) -> None:
    """Of a place, its children and itself, its siblings, a node: a path alone finds nodes in other levels too."""
    assert await made(
        page,
        """const { atPlace, bandOf, below, expression, ofNode, windowOf } = await import('./data/queries.js');
        const counter = { name: 'orders_total', type: 'counter' };
        return [
            expression(counter, atPlace('fog/ams/r04'), { window: '1m' }),
            expression(counter, below('fog/ams/r04'), { window: '5m', by: 'fog_path' }),
            bandOf(counter, 'fog/ams/r04', 0.1, '1m'),
            expression(counter, below(''), { window: '1m' }),
            expression(counter, ofNode('fog/ams'), { window: '1m', node: true }),
            [windowOf(60, undefined), windowOf(300, 60), windowOf(60, 250), windowOf(300, 1210)].join(),
        ];""",
    ) == [
        'sum (rate(orders_total{fog_level="2",fog_path="fog/ams/r04"}[1m]))',
        'sum by (fog_path) (rate(orders_total{fog_level="3",fog_path=~"fog/ams/r04(/[^/]+)?"}[5m]))',
        'quantile(0.1, sum by (fog_path) (rate(orders_total{fog_level="2",fog_path=~"fog/ams/[^/]+"}[1m])))',
        'sum (rate(orders_total{fog_level="0"}[1m]))',
        'sum (rate(orders_total{fog_node="fog/ams"}[1m]))',
        "1m,5m,250s,1210s",
    ]


async def test_rising_nodes_share_something(page: Tab) -> None:
    """Five nodes with another kernel than the other five: the largest difference first. Of four nothing is said."""
    said = await made(
        page,
        """const { SharedCard } = await import('./parts/shared.js');
        const before = window.fetch;
        const node = (path, kernel) => ({ path, info: { role: 'edge', kernel } });
        const told = async (rising) => {
            const nodes = [];
            for (let at = 0; at < rising; at += 1) nodes.push(node(`fog/a/${at}`, '6.1'));
            for (let at = 0; at < 5; at += 1) nodes.push(node(`fog/b/${at}`, '5.9'));
            window.fetch = async () => new Response(JSON.stringify({ nodes }));
            const card = new SharedCard(null, 'fog');
            await card.load({ ratios: new Map([['fog/a', 5], ['fog/b', 1]]) });
            return [...card.element.querySelectorAll('li')].map((one) => one.textContent);
        };
        try {
            return [await told(5), await told(4)];
        } finally {
            window.fetch = before;
        }""",
    )
    assert said == [["kernel 6.1100 % / 0 %", "role edge100 % / 100 %"], []]
