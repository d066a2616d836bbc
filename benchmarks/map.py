"""Measure the page's map with 100,000 nodes in a browser without a GPU: painting, counting, searching.

python benchmarks/map.py [--rounds 200]

It needs playwright and a chromium. Each round, a seventh of the nodes is in another state.
"""

from __future__ import annotations

import argparse
import os
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 932, 324
SCRIPT = """async ([rounds, width, height]) => {
  const { Tree } = await import('/data/tree.js');
  const { paint } = await import('/draw/icicle.js');
  const { label } = await import('/draw/labels.js');
  const { Means, byMetric, byRatio } = await import('/draw/layers.js');
  const { places } = await import('/parts/search.js');
  const levels = [1, 10, 100, 1000, 10000, 100000];
  const named = (number, level) => Array.from({ length: number }, (_, place) => level ? String(place % 10) : 'fog');
  const names = levels.flatMap(named);
  const columns = {
    path: '', shape: 'x', levels, names: { shared: '0'.repeat(names.length), rests: names.join() },
    children: levels.slice(0, -1).flatMap((number) => Array(number).fill(10)),
    states: '-'.repeat(11111) + 'l'.repeat(100000), letters: { l: 'live', '-': '' },
  };
  const text = JSON.stringify(columns);
  const timed = (work) => {
    const [begin, found] = [performance.now(), work()];
    return [performance.now() - begin, found];
  };
  const found = {};
  const note = (name, time) => (found[name] ??= []).push(time);
  let tree;
  for (let time = 0; time < 9; time += 1) {
    const [opening, opened] = timed(() => new Tree(JSON.parse(text)));
    note('columns parsed, a tree made', opening);
    tree = opened;
  }
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const pen = canvas.getContext('2d');
  const view = { width, height, from: 0, to: tree.total, levels: [0, 6] };
  const painted = (more) => timed(() => {
    paint(pen, tree, { ...view, ...more });
    label(pen, tree, { ...view, ...more });
    pen.getImageData(0, 0, 1, 1);
  })[0];
  const values = new Float32Array(tree.size).map(() => Math.random() * 10);
  const [making, means] = timed(() => new Means(tree, values));
  note('means of a metric', making);
  const [colouring, byMean] = timed(() => byMetric(means));
  note('colours of a metric', colouring);
  const [comparing, byOthers] = timed(() => byRatio(means));
  note('colours of ratios', comparing);
  for (let round = 0; round < rounds; round += 1) {
    for (let place = 11111; place < tree.size; place += 7) tree.state[place] = Math.floor(Math.random() * 5);
    note('all counted anew', timed(() => tree.count())[0]);
    note('one pass of prefix sums', timed(() => tree._sum())[0]);
    const path = `fog/1/2/3/4/${round % 10}`;
    note('one node changes', timed(() => tree.change({ [path]: round % 2 ? 'live' : 'stale' }))[0]);
    note('painted by health', painted({}));
    note('painted by a metric', painted({ colour: byMean }));
    note('painted by ratio', painted({ colour: byOthers }));
    note('searched for 0/3/1', timed(() => places(tree, '0/3/1'))[0]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return found;
}"""


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    rounds = parser.parse_args().rounds
    static = resources.files("fog_aggregator.components.http.web").joinpath("static")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(static)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page()
        page.route("**/main.js", lambda route: route.abort())  # the colours are wanted, and not the page's questions
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        found = page.evaluate(SCRIPT, [rounds, WIDTH, HEIGHT])
        browser.close()
    server.shutdown()
    print(
        f"100,000 nodes, {WIDTH}x{HEIGHT}, load {os.getloadavg()[0]:.1f}: first, fastest, median, 99th percentile in ms"
    )
    for name, times in found.items():
        ordered = sorted(times)
        figures = times[0], ordered[0], ordered[len(times) // 2], ordered[int(len(times) * 0.99)]
        print(f"  {name:30}" + "".join(f"{figure:8.1f}" for figure in figures))


if __name__ == "__main__":
    main()
