// A place with children: verdict, coverage, the children, what the rising ones share, charts, events.
import { twoColumns } from "../base/columns.js";
import { h, key, put } from "../base/dom.js";
import { change, clock, count, many, share, span } from "../base/numbers.js";
import { brief, isUnder, lastOf } from "../base/paths.js";
import { EVERY, once, Rounds } from "../base/once.js";
import { spanOf, toPlace } from "../base/route.js";
import { ask, instant, ranges } from "../data/api.js";
import { below, expression, levelOf, named, windowOf } from "../data/queries.js";
import { Recent } from "../data/recent.js";
import { readChanges } from "../parts/changes.js";
import { Children } from "../parts/children.js";
import { Charts } from "../parts/charts.js";
import { coverage, known } from "../parts/coverage.js";
import { eventsCard } from "../parts/events.js";
import { Colouring } from "../parts/colouring.js";
import { MapCard } from "../parts/map.js";
import { placeActions, placeKey } from "../parts/place.js";
import { SharedCard } from "../parts/shared.js";
import { notLive, verdict } from "../parts/verdict.js";
import { unknown } from "./overview.js";


const MOST_LINES = 100;

export class Branch {
  /** Ask for what is shown, unless an answer is still awaited. */
  load = once((all = true) => this._load(all));

  constructor(page) {
    this.page = page;
    this.path = page.route.path;
    this.abort = new AbortController();
    this.rounds = new Rounds();
    this.recent = new Recent(page, this.path);
    this.children = new Children(page, this.path);
    this.charts = new Charts(page, this.path);
    this.colouring = new Colouring(page);
    this.actions = h("span.actions");
    this.map = new MapCard({ height: 132, note: `${brief(lastOf(this.path))} outlined`, outlined: this.path, open: (path) => page.go(toPlace(page.route, path)), bare: true, end: [this.actions] });
    this.shared = new SharedCard(page, this.path);
    this.top = h("div.order-1");
    this.events = h("div.order-5");
    this.element = h(
      "div.stack",
      this.top,
      twoColumns("branch", [this.children.element, this.shared.element, this.events], [h("div.order-3", this.map.element), this.charts.element]),
    );
    this.timer = setInterval(() => this.load(false), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.abort.abort();
    this.recent.close();
    this.map.close();
    this.charts.close();
  }

  /** The problems that are here alone: a line of nodes that lie elsewhere too has another place and another number. */
  get problems() {
    return this.page.fleet.problems.filter(({ path, paths = [path] }) => paths.every((one) => isUnder(one, this.path)));
  }

  get query() {
    return this.charts.query;
  }

  get nodes() {
    const { tree } = this.page.fleet;
    const place = tree ? tree.find(this.path) : -1;
    return place >= 0 ? tree.coverage(place) : null;
  }

  async _load(all) {
    if (document.hidden || !this.page.status?.ready || !this.page.fleet.tree || !this.page.fleet.families.length) return;
    const { page } = this;
    const { signal } = this.abort;
    this.window = spanOf(page.route, page.now());
    if (!all && !this.window.live) return; // the past stays as it is
    this.children.show(page.fleet.tree); // how many there are says what is asked for
    const isFirst = !this.charts.names;
    if (isFirst) await this._change(signal); // which metrics are here says which charts
    this.charts.prepare();
    await this.rounds.run([() => Promise.all([this._values(signal), this._oldest(signal)]), () => this.recent.load(signal), isFirst ? async () => {} : () => this._change(signal), ...this.charts.jobs(this.window, { nodes: this._told(), events: this._marks(), signal, least: this.least }), () => this.colouring.load()], all);
    this.update();
    if (all) this.shared.load(this.children, signal);
  }

  _told() {
    const { nodes } = this;
    return nodes && { live: nodes.live, all: known(nodes) };
  }

  _marks() {
    return (this.recent.answer?.events ?? []).filter(({ name }) => name === "deployed" || name === "deploy").map((event) => ({ time: event.timestamp, name: [event.name, event.labels?.version ?? event.metadata?.version].filter(Boolean).join(" ") })).slice(-3);
  }

  /** What changed most here in the hour, where one place has most of it. */
  async _change(signal) {
    const answer = await ask("api/changes", { path: this.path, window: "1h" }, { signal }).catch(() => null);
    if (!answer) return;
    const { changes, names } = readChanges(answer);
    this.least = answer.least_window; // seconds that rates must be taken over here
    this.change = changes.find(({ size, way }) => size >= 0.5 && way.some(({ path }) => path !== this.path)) ?? null;
    this.page.changed = changes;
    this.charts.prepare(names);
  }

  /** @returns {[string, any] | null} */
  _rise() {
    if (!this.change) return null;
    const { name, quantile, way, before, now } = this.change;
    const { path, share: part } = way[way.length - 1];
    const what = quantile ? `${name} p${quantile * 100}` : name;
    return [`${part > 1 ? "More than all" : share(part, 1)} of the ${now > before ? "rise" : "fall"} of ${what} is under ${brief(lastOf(path))}`, [h("a", { href: toPlace(this.page.route, path, "overview", { m: name }) }, path), `: ${change(now, before)} in the hour, of all at this place.`]];
  }

  /** How long ago the live node of each child that is silent longest was heard. */
  async _oldest(signal) {
    const { children } = this;
    if (children.rows.length > MOST_LINES || !this.nodes?.live) return;
    const answer = await ask("api/tree", { path: this.path, depth: 1 }, { signal }).catch(() => null);
    if (!answer) return;
    children.oldest = new Map(answer.children.map(({ path, oldest_frame_age_seconds: age }) => [path, age]));
    children.at = this.page.now();
  }

  /** The children's values: their lines where they are few, whose ends are the values. */
  async _values(signal) {
    const { children } = this;
    const [first, second] = this.charts.metrics.filter(({ type }) => type !== "histogram");
    const values = { first: new Map(), second: new Map() };
    if (!first) return;
    const query = (metric) => expression(metric, below(this.path), { window: windowOf(300, this.least), by: "fog_path" });
    const queries = { first: query(first), ...(second && { second: query(second) }) };
    const lack = this.page.fleet.lacks(levelOf(this.path) + 1);
    try {
      if (lack) throw new Error(lack);
      if (children.rows.length > MOST_LINES) {
        const rows = await instant(Object.entries(queries).map(([name, query]) => named(query, name)).join(" or "), { signal, time: this.window.to });
        for (const { labels, value } of rows) values[labels.fog_row].set(labels.fog_path, value);
      } else {
        const { of } = await ranges(queries, this.window, { signal, most: 60 });
        for (const name of Object.keys(queries)) for (const { labels, values: line } of of(name)) values[name].set(labels.fog_path, line[line.length - 1]);
        children.sparks = new Map(of("first").map(({ labels, values: line }) => [labels.fog_path, line]));
      }
    } catch ({ name, message }) {
      if (name === "AbortError") return;
      children.error = message; // the values stay
      children.draw();
      return;
    }
    Object.assign(children, { metric: first, values: values.first, more: { metric: second ?? null, values: values.second }, error: "", valuesAt: this.window.to });
    children.draw();
  }

  update() {
    const { page } = this;
    const { tree } = page.fleet;
    put(this.top, this._verdict());
    if (tree) this.children.show(tree);
    if (tree) this.map.show(tree, { colour: this.colouring.of(page.fleet.tree), hits: page.hits, known: page.status?.ready !== false });
    this._actions();
    put(this.events, eventsCard(page, this.recent, { title: "Events here", most: 3 }));
  }

  _verdict() {
    const { page, path, nodes } = this;
    const { tree } = page.fleet;
    const place = tree ? tree.find(path) : -1;
    const children = place >= 0 ? tree.children[place] : 0;
    const [problem] = this.problems;
    const all = nodes ? known(nodes) : 0;
    const bad = nodes ? all - nodes.live : 0;
    if (page.status && !page.status.ready) return verdict({ route: page.route, path, about: "", severity: "warning", title: "Not ready: no totals yet", text: page.status.reason, side: coverage(null) });
    const doubt = unknown(page);
    const [severity, title, text] = problem
      ? [problem.severity, `${problem.title}${problem.path === path ? "" : ` at ${problem.path}`}`, `${problem.text}${problem.start ? ` Since ${clock(problem.start, 2)}, ${span(page.now() - problem.start)}.` : ""}`]
      : !nodes
        ? ["", page.fleet.tree ? "No node is known here" : "Asking the aggregator …", page.fleet.tree ? `Nothing at or under ${path} was heard, or it has been forgotten.` : ""]
        : doubt
          ? doubt
        : bad
          ? ["warning", `Nothing fires here; ${notLive(nodes)}`, `Numbers stand on ${share(nodes.live, all)} of the nodes.`]
          : this._rise()
            ? ["warning", ...this._rise()]
          : ["ok", "All well here", `${count(nodes.live)} of ${count(all)} nodes are live.`];
    return verdict({
      route: page.route, path, about: `${many(children, "child", "children")}, ${many(all, "node")}`, severity, title, text,
      side: coverage(nodes, { where: (state) => toPlace(page.route, path, "nodes", { state }) }),
    });
  }

  _actions() {
    const { first } = this.children;
    put(
      this.actions,
      first && h("button.button.first", { onclick: () => this.children.open(first.path) }, `Open ${brief(first.name, 16)} `, key("Enter")),
      placeActions(this),
    );
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    if ((name === "Enter" || name === "ArrowDown") && this.children.first) this.children.open(this.children.first.path);
    else if (name === "n") this.charts.next();
    else return placeKey(this, name) || this.children.press(name);
    return true;
  }
}

