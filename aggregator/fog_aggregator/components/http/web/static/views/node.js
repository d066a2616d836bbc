// A node: what it tells of itself, its metrics beside its siblings' and all nodes', why a number is what it is, commands.
import { twoColumns } from "../base/columns.js";
import { card, command, h, key, put } from "../base/dom.js";
import { clock, count, full, many, moment, span, twoDigits } from "../base/numbers.js";
import { brief, isUnder, lastOf, parentOf } from "../base/paths.js";
import { EVERY, once, Rounds } from "../base/once.js";
import { spanOf, toPlace } from "../base/route.js";
import { ask } from "../data/api.js";
import { expression, ofNode, windowOf } from "../data/queries.js";
import { day } from "../parts/day.js";
import { Recent } from "../data/recent.js";
import { Colouring } from "../parts/colouring.js";
import { eventsCard } from "../parts/events.js";
import { Explain } from "../parts/explain.js";
import { lifeCard } from "../parts/life.js";
import { MapCard } from "../parts/map.js";
import { NodeMetrics } from "../parts/node_metrics.js";
import { placeActions, placeKey } from "../parts/place.js";
import { shell, silenceCommand } from "../parts/silence.js";
import { verdict } from "../parts/verdict.js";
import { commandOf } from "./nodes.js";


export class Node {
  /** Ask for what is shown, unless an answer is still awaited. */
  load = once((all = true) => this._load(all));

  constructor(page) {
    this.page = page;
    this.path = page.route.path;
    this.abort = new AbortController();
    this.rounds = new Rounds();
    this.settled = false;
    this.recent = new Recent(page, this.path);
    this.colouring = new Colouring(page);
    this.map = new MapCard({ height: 96, under: parentOf(this.path), outlined: this.path, plain: true, open: (path) => page.go(toPlace(page.route, path)) });
    this.metrics = new NodeMetrics(page, this.path, (row) => this.explain.load(row));
    this.explain = new Explain(page, this.path);
    this.top = h("div.order-1");
    this.side = h("div", this.map.element);
    this.facts = h("div.order-2");
    this.life = h("div");
    this.commands = h("div");
    this.events = h("div");
    this.element = h("div.stack", this.top, this.facts, twoColumns("node", [this.metrics.element, h("div.columns.halves.order-5", this.life, this.events)], [h("div.stack.order-4", this.explain.element, this.commands)]));
    this.timer = setInterval(() => this.load(false), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.abort.abort();
    this.recent.close();
    this.map.close();
  }

  get problems() {
    return this.page.fleet.problems.filter(({ alert, path }) => alert && path === this.path); // what its state is it says itself
  }

  get state() {
    const { tree } = this.page.fleet;
    const place = tree ? tree.find(this.path) : -1;
    return place >= 0 ? tree.stateOf(place) : "";
  }

  async _load(all) {
    const { page, path, metrics, explain } = this;
    const { families, errors } = page.fleet;
    if (document.hidden || !page.status?.ready || !(families.length || errors.families)) return; // these say what kind a series is of
    const { signal } = this.abort;
    const window = spanOf(page.route, page.now());
    const series = all ? [() => metrics.load(window, signal)] : metrics.jobs(window, signal);
    await this.rounds.run([() => this._about(signal), ...series, () => explain.load(), () => this.recent.load(signal), () => this.colouring.load()], all);
    const { first, others } = metrics;
    if (!this.settled && first && first.name !== explain.name) await explain.load(first);
    this.settled ||= Boolean(first && others); // before that is known, the odd one may be another
    if (page.now() - (this.dayAt ?? 0) > 600) {
      this.dayAt = page.now();
      this.day = metrics.lack ? null : await day(path, this.dayAt, signal);
    }
    this.update();
  }

  async _about(signal) {
    const { path, page } = this;
    try {
      const { nodes } = await ask("api/nodes", { path, limit: 1 }, { signal });
      this.node = nodes.find((node) => node.path === path) ?? null;
      this.nodeAt = page.now();
      this.error = "";
    } catch (error) {
      this.error = error.message;
    }
    this.asked = true;
  }

  update() {
    const { page, node } = this;
    const now = page.now();
    put(this.top, this._verdict());
    if (page.fleet.tree) this.map.show(page.fleet.tree, { colour: this.colouring.of(page.fleet.tree) });
    if (node) put(this.facts, h("dl.card.facts", facts(node, now, now - this.nodeAt).map(([name, value, title]) => h("div", h("dt", name), h("dd", { title }, value)))));
    put(this.life, lifeCard(this.day, this.explain.node, now, this.metrics.lack));
    put(this.events, eventsCard(page, this.recent, { title: "Events here" }));
    put(this.commands, this._commands());
  }

  _verdict() {
    const { page, path, node, state } = this;
    const [problem] = this.problems;
    const above = page.fleet.problems.find((one) => one.path && one.path !== path && isUnder(path, one.path));
    const words = { live: "Live", stale: "Stale: no frame for three intervals", departed: "Departed: its last values are shown", missing: "Missing: expected, and never heard", quarantined: "In quarantine: its numbers are in no total", ended: "Ended in good order" };
    const heard = node && node.last_heard_age_seconds !== null ? node.last_heard_age_seconds + page.now() - this.nodeAt : null;
    const [severity, title, text] = problem
      ? [problem.severity, problem.title, `${problem.text}${problem.start ? ` Since ${clock(problem.start, 2)}.` : ""}`]
      : !state
        ? ["", this.asked ? "No such node is known" : "Asking the aggregator …", this.error ?? ""]
        : above
          ? [state === "live" ? "ok" : "warning", words[state], ["It lies under a problem: ", h("a", { href: toPlace(page.route, above.path) }, `${above.title} at ${above.path}`)]]
          : state === "live" && this.metrics.oddest
            ? this._odd(this.metrics.oddest)
            : [state === "live" ? "ok" : "warning", words[state], heard === null ? "" : state === "live" ? `Last heard ${span(heard)} ago.` : `Its last frame came ${span(heard)} ago, at ${clock(page.now() - heard)}: what follows is as of then.`];
    return verdict({
      route: page.route, path, about: "a node · no children", severity, title, text, side: this.side,
      actions: [
        parentOf(path) ? h("a.button.first", { href: toPlace(page.route, parentOf(path)) }, `Up to ${brief(lastOf(parentOf(path)), 16)} `, key("Backspace")) : null,
        ...placeActions(this),
      ],
    });
  }

  /** A live node with a metric unlike others': where its siblings have the same, the place above is to be looked at. */
  _odd({ metric, siblings, all }) {
    const { others } = this.metrics;
    const times = (one) => (one && Number.isFinite(one.ratio) ? `${twoDigits(one.ratio)} ×` : "far from");
    const begun = (text) => text[0].toUpperCase() + text.slice(1);
    const above = parentOf(this.path);
    if (siblings?.unlike || !siblings) return ["warning", `Live; its ${metric} is unlike ${siblings ? "its siblings'" : "all nodes'"}`, `${begun(times(siblings ?? all))} the median of ${many(siblings ? others.siblings : others.places - 1, "other")}.`];
    return ["warning", `Live; its ${metric} is that of ${lastOf(above)} as a whole`, [`It is like that of its ${many(others.siblings, "sibling")}, and ${times(all)} that of all ${count(others.places)} places of its level. Look at `, h("a", { href: toPlace(this.page.route, above) }, lastOf(above)), "."]];
  }

  get query() {
    const metric = this.page.fleet.family(this.explain.name) ?? this.page.fleet.families[0];
    return metric ? expression(metric, ofNode(this.path), { window: windowOf(300, this.metrics.others?.least_window), node: true }) : "";
  }

  _commands() {
    const { path, state } = this;
    const own = commandOf({ state, path }) || `fog quarantine ${shell(path)} --why '…'`;
    return card("Do something", {}, h("div.body", [silenceCommand({ path }, "1h", "…"), own, `fog audit ${shell(path)}`].map(command)));
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    if (name === "w") this.explain.focus();
    else return placeKey(this, name) || this.metrics.press(name);
    return true;
  }
}

function facts(node, now, later) {
  const info = Object.entries(node.info ?? {}).slice(0, 8);
  const heard = node.last_heard_age_seconds === null ? null : node.last_heard_age_seconds + later;
  return [
    ["interval", `${node.interval_seconds} s`],
    ["last frame", heard === null ? "never" : `${span(heard)} ago`, heard === null ? "" : full(now - heard)],
    ["writers", count(node.epochs)],
    ["series", count(node.series)],
    ["gaps open", count(node.gaps)],
    ...info,
    ["first heard", moment(node.first_heard, now), full(node.first_heard)],
    ["refused", count(node.refused)],
    ...(node.awaits_keyframe ? [["keyframe", "awaited"]] : []),
  ];
}
