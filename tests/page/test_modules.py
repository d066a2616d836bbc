"""Compute with the page's modules in the engine that runs them: numbers, paths, addresses, the tree of columns."""

from __future__ import annotations

import json

import pytest

from fog_aggregator.query.listing.columns import shape_of
from tests.page.browser import Tab, needs_browser
from tests.page.made_up import made

pytestmark = [needs_browser, pytest.mark.asyncio(loop_scope="module")]
NUMBERS = {
    "count(12941)": "12,941",
    "count(NaN)": "\N{EN DASH}",
    "digits(99.44)": "99.4",
    "digits(0.00421)": "0.00421",
    "twoDigits(0.1234)": "0.12",
    "twoDigits(1)": "1.0",
    "twoDigits(9.96)": "10",
    "twoDigits(384.2)": "380",
    "digits(-3.14159)": "\N{MINUS SIGN}3.14",
    "digits(Infinity)": "∞",
    "figure(0.94, 's').join(' ')": "0.94 s",
    "figure(0.0123, 's').join(' ')": "12.3 ms",
    "figure(142e9, 'B').join(' ')": "142 GB",
    "figure(0.25, 'ratio').join(' ')": "25 %",
    "span(48)": "48 s",
    "span(54 * 60)": "54 min",
    "span(2 * 3600 + 54 * 60)": "2 h 54 min",
    "span(3 * 86400 + 7200)": "3 d 2 h",
    "change(4.5, 1)": "\N{MULTIPLICATION SIGN}4.5",
    "change(1.22, 1)": "+22 %",
    "change(0.98, 1)": "\N{MINUS SIGN}2 %",
    "change(1, 0)": "new",
    "share(9998, 10000)": "99.9 %",
    "share(99999, 100000)": "99.9 %",
    "share(10000, 10000)": "100 %",
    "share(1, 3)": "33 %",
    "unitOf('order_errors_total', 'counter')": "/s",
    "unitOf('sent_bytes_total', 'counter')": "B/s",
    "unitOf('wait_seconds', 'histogram')": "s",
}
PATHS = {
    "shortened('fog/a', 48)": "fog/a",
    "shortened('fog/' + 'x'.repeat(40) + '/middle/rack/host', 24)": "fog/…/rack/host",
    "common(['fog/0/1', 'fog/0/2', 'fog/0/2/3'])": "fog/0",
    "common(['fog/01', 'fog/0'])": "fog",
    "String(matcher('r0*/n1')('fog/r01/n1'))": "false",
    "String(matcher('*r0*/n1')('fog/r01/n1'))": "true",
    "String(matcher('a+b')('xa+by'))": "true",
    "String(matcher('*b*c')('aBcbc'))": "true",
    "String(matcher('a?c*')('aBcbc'))": "true",
    "String(matcher('?')('aBcbc'))": "false",
    "String(matcher('**bc?')('aBcbc'))": "false",
    "String(matcher('abc*')('aBcbc'))": "true",
    "String(matcher('a[b]*')('a[B]c'))": "true",
    "String(matcher('?*'.repeat(200) + 'x')('a'.repeat(1000)))": "false",
    "String(isUnder('fog/01', 'fog/0'))": "false",
}
NAMES = {
    "base/numbers": "count, digits, twoDigits, figure, span, change, share, unitOf",
    "base/paths": "shortened, common, matcher, isUnder",
    "base/route": "parse, format, toPlace, spanOf",
    "parts/children": "ratios",
}
ROUTES = {
    "parse('#/fog/ams?view=events&t=1h').path": "fog/ams",
    "parse('#/fog/ams?view=events&t=1h').view": "events",
    "parse('#fog/0/3').path": "fog/0/3",
    "parse('#/fog?view=nonsense').view": "overview",
    "format({path: 'fog/a b', view: 'nodes', query: {q: 'x=1', state: ''}})": "#/fog/a%20b?view=nodes&q=x%3D1",
    "toPlace({query: {t: '3h', q: 'gone'}}, 'fog/1')": "#/fog/1?t=3h",
    "String(spanOf({query: {from: '10', to: '20'}}, 100).live)": "false",
    "String(spanOf(parse('#/?t=toString'), 3700).from)": "100",
    "parse('#/?t=toString').wrong": "t “toString”",
    "String(spanOf(parse('#/?from=20&to=10&t=5m'), 3700).from)": "3400",
    "parse('#/?from=20&to=10').wrong": "from “20”,to “10”",
    "String(spanOf(parse('#/?from=0&to=1e309'), 3700).live)": "true",
    "String(spanOf(parse('#/?from=x&to=20'), 3700).live)": "true",
    "String(spanOf(parse('#/?to=20'), 3700).live)": "true",
    "String(spanOf(parse('#/?from=-5&to=20'), 3700).live)": "true",
    "String(spanOf(parse('#/?from=0&to=20'), 3700).from)": "0",
    "parse('#/' + 'x'.repeat(65)).path": "",
    "parse('#/' + Array(17).fill('x').join('/')).path": "",
    "parse('#/' + Array(16).fill('x'.repeat(64)).join('/')).wrong": "",
    "parse('#/a//b').wrong": "path “a//b”",
    "parse('#/fog?q=' + 'y'.repeat(1101)).wrong": "q “yyyyyyyyyyyy…yyyyyyyyyyy”",
    "parse('#/fog?view=nonsense').wrong": "view “nonsense”",
    "parse('#/..%2f..?__proto__=1&view=toString').view": "overview",
}


MADE_UP = "new Map([['a', 8], ['b', 1], ['c', 4], ['d', 1], ['e', NaN], ['f', 2]])"
RATIOS = {
    f"[...ratios({MADE_UP})].map(([path, ratio]) => path + ratio.toFixed(2))": "b0.33,d0.33,f0.80,c2.67,a5.33",
    "ratios(new Map([['a', 8], ['b', 2], ['c', 4], ['d', 2]])).size": "0",
    "ratios(new Map()).size": "0",
}
STATUS = """{ ready: true, version: '1', coverage: { oldest_frame_age_seconds: 1 },
    streams: [KNOWN, UNKNOWN].map((left, number) => ({ name: `s${number}`, lag: 0, seconds_until_gap: left })) }"""
FOOTERS = {
    f"said({STATUS.replace('UNKNOWN', '90000').replace('KNOWN', '7200')})": "away for at most 2 h before a gap",
    f"said({STATUS.replace('UNKNOWN', 'null').replace('KNOWN', '7200')})": "null",
}
"""The time until a gap is not said while the rate of one stream is not known."""
OPEN_NODE = """const { Node } = await import('./views/node.js');
const families = ['a_size', 'z_size'].map((name) => ({ name, type: 'gauge' }));
const answers = {
    nodes: { nodes: [] }, events: { events: [] }, 'v1/query_range': { data: { result: [] } },
    snapshot: { metrics: Object.fromEntries(families.map(({ name }) => [name, { value: 1, labels: {} }])) },
    explain: { total: [], node: { epochs: [], closed: [], folded: 0, baselines: 0 } },
};
const siblings = { unlike: true, ratio: 9 };
const odd = (metric) => ({ siblings: 5, places: 9, metrics: [{ metric, siblings }] });
const before = window.fetch;
let asked = [];
const explained = [];
window.fetch = async (address) => {
    const url = new URL(address);
    const what = url.pathname.slice('/api/'.length);
    asked.push(what);
    if (what === 'explain') explained.push(url.searchParams.get('name'));
    return answers[what] ? Response.json(answers[what]) : Response.json({ error: 'busy' }, { status: 503 });
};
const family = (wanted) => families.find(({ name }) => name === wanted);
const fleet = { tree: null, families, errors: {}, problems: [], family, lacks: () => "" };
const told = { route: { ...route, path: 'fog/a' }, live: new EventTarget(), now, fleet, status: null };
const node = new Node(told);
await new Promise((resolve) => setTimeout(resolve)); // it has seen that nothing is ready
told.status = { ready: true };
const rounds = [];
const round = async () => {
    asked = [];
    await node.load(false);
    rounds.push(asked.length);
};
try {
    await node.load();
    answers.likeness = odd('z_size');
    for (let turn = 0; turn < 7; turn += 1) await round();
    answers.likeness = odd('a_size');
    for (let turn = 0; turn < 7; turn += 1) await round();
} finally {
    window.fetch = before;
    node.close();
}
return [explained, rounds];"""
"""Open a node where nobody knows at first what is odd, then one metric is, then another; what was asked for."""
TEXTS = ("0/a", "g/0", "/", "fog/1", "og/1/b", "/10", "1/", "x/y", "g/1/", "fog/0/a/b", "/0/", "//")
"""Texts that are searched for."""
CASES = (("base/numbers", NUMBERS), ("base/paths", PATHS), ("base/route", ROUTES), ("parts/children", RATIOS))


async def test_what_is_computed(page: Tab) -> None:
    """Each expression gives the expected text."""
    for module, cases in CASES:
        texts = ", ".join(f"[{json.dumps(case)}, String({case})]" for case in cases)
        found = await page.evaluate(
            f"async () => {{ const {{ {NAMES[module]} }} = await import('./{module}.js'); return [{texts}]; }}"
        )
        assert dict(found) == cases


async def test_the_footer_says_no_time_that_nobody_knows(page: Tab) -> None:
    """The shortest time of all streams, once each is known."""
    texts = ", ".join(f"[{json.dumps(case)}, String({case})]" for case in FOOTERS)
    found = await page.evaluate(
        f"""async () => {{
            const {{ footer }} = await import('./parts/frame.js');
            const said = (status) => {{
                const element = document.createElement('footer');
                footer(element, status, {{ losses: null, figures: {{}} }});
                return element.textContent.match(/away for.* before a gap/);
            }};
            return [{texts}];
        }}"""
    )
    assert dict(found) == FOOTERS


async def test_the_tree_is_what_the_columns_say(page: Tab) -> None:
    """Paths, counts, widths and hits of a made-up tree; children fill their place."""
    paths = [("fog",), ("fog", "0", "a"), ("fog", "0", "b"), ("fog", "1", "a"), ("fog", "1", "b"), ("fog", "10")]
    shape = shape_of((), paths)
    columns: dict[str, object] = {"path": "", "shape": shape.name, "levels": shape.levels}
    columns |= {"names": shape.names, "children": shape.children}
    columns |= {"states": "l--ldlsl", "letters": {"l": "live", "s": "stale", "d": "departed", "-": ""}}
    assert [int(node) for node in shape.nodes] == [0, -1, -1, 5, 1, 2, 3, 4]
    found = await page.evaluate(
        f"""async () => {{
            const {{ Tree }} = await import('./data/tree.js');
            const {{ places }} = await import('./parts/search.js');
            const tree = new Tree({json.dumps(columns)});
            const all = Array.from({{ length: tree.size }}, (_, place) => place);
            const there = all.every((place) => tree.find(tree.path(place)) === place);
            return {{
                paths: all.map((place) => tree.path(place)), there, nowhere: tree.find('fog/2'),
                nodes: Array.from(tree.nodes), departed: tree.of(0, 'departed'), stale: tree.of(0, 'stale'),
                filled: tree.start[1] + tree.wide[1] + tree.wide[2] + tree.wide[3],
                hits: [tree.hit(2, 0), tree.hit(2, 2.5), tree.hit(1, tree.total - 0.01), tree.hit(1, 99)],
                unknown: tree.change({{ 'fog/9': 'live' }}), known: tree.change({{ 'fog/0/a': 'live' }}),
                after: tree.of(0, 'departed'),
                other: {json.dumps(TEXTS)}.filter((text) => {{
                    const plain = all.filter((place) => tree.paths[place].includes(text));
                    return String(places(tree, text)) !== String(plain);
                }}),
            }};
        }}"""
    )
    expected = ["fog", "fog/0", "fog/1", "fog/10", "fog/0/a", "fog/0/b", "fog/1/a", "fog/1/b"]
    assert (found["paths"], found["there"], found["nowhere"]) == (expected, True, -1)
    assert (found["nodes"], found["departed"], found["stale"]) == ([6, 2, 2, 1, 1, 1, 1, 1], 1, 1)
    assert abs(found["filled"] - 6) < 1e-9
    assert found["hits"] == [4, 6, 3, -1]
    assert (found["unknown"], found["known"], found["after"]) == (False, True, 0)
    assert found["other"] == [], "a search finds what its text is a part of"


async def test_an_open_node_asks_one_thing_at_a_time(page: Tab) -> None:
    """It explains the odd metric, also where nobody could tell at first which that is; then nothing moves it."""
    explained, rounds = await made(page, OPEN_NODE)
    assert explained[0] == "a_size"  # the first one, while there is no answer
    assert set(explained[1:]) == {"z_size"}
    assert sorted(rounds, reverse=True)[:2] == [2, 1]  # once an answer moved it
