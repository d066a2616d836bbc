// The overview: the verdict on the fleet or a place with children, problems, the map, what changed, events.
import { twoColumns } from "../base/columns.js";
import { h, put } from "../base/dom.js";
import { clock, count, many, share, span } from "../base/numbers.js";
import { EVERY, once, Rounds } from "../base/once.js";
import { toPlace } from "../base/route.js";
import { ask } from "../data/api.js";
import { changesCard, readChanges } from "../parts/changes.js";
import { coverage, known } from "../parts/coverage.js";
import { eventsCard } from "../parts/events.js";
import { failed } from "../parts/failed.js";
import { MapCard } from "../parts/map.js";
import { calm } from "../parts/calm.js";
import { day } from "../parts/day.js";
import { MOST_PROBLEMS, problemsCard } from "../parts/problems.js";
import { notLive, verdict } from "../parts/verdict.js";
import { NotReady } from "../parts/not_ready.js";
import { chooser, Colouring } from "../parts/colouring.js";
import { Recent } from "../data/recent.js";
import { Sparks } from "../data/sparks.js";


const FRESH_MS = 3000;
const DAY_S = 600; // the strip of a day is asked for so seldom

export class Overview {
  /** Ask for what is shown, unless an answer is still awaited. */
  load = once((all = true) => this._load(all));

  /** @param {any} page */
  constructor(page) {
    this.page = page;
    this.loadedAt = 0;
    this.rounds = new Rounds();
    this.recent = new Recent(page, page.route.path);
    this.sparks = new Sparks();
    this.colouring = new Colouring(page);
    this.chooser = h("span.actions");
    this.map = new MapCard({ height: 292, open: (path) => page.go(toPlace(page.route, path)), end: [this.chooser] });
    this.map.select = (number) => this.select(number);
    this.top = h("div.order-1");
    this.left = h("div.order-2");
    this.events = h("div.order-5");
    this.changes = h("div.order-4");
    this.notReady = new NotReady(page);
    this.columns = twoColumns("overview", [this.left, this.events], [h("div.order-3", this.map.element), this.changes]);
    this.element = h("div.stack", this.top, this.columns);
    this.timer = setInterval(() => this.load(false), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.recent.close();
    this.map.close();
  }

  get problems() {
    return this.page.fleet.problems;
  }

  /** The problem that the address names. */
  get selected() {
    return this.problems.find(({ id }) => id === this.page.route.query.open);
  }

  async _load(all) {
    if (document.hidden || this.page.status?.ready === false) return; // before the first status there is hope
    const parts = [() => this._changes(), () => this.recent.load(), () => this.colouring.load()];
    const isFresh = all && Date.now() - this.loadedAt < FRESH_MS; // what is heard at the beginning asks for all of it each time
    await this.rounds.run(isFresh ? parts.slice(2) : parts, all);
    if (all && !isFresh && this.page.status?.ready) this.loadedAt = Date.now();
    this.update();
    if (document.hidden || this.problems.length || this.page.now() - (this.dayAt ?? 0) < DAY_S) return;
    this.dayAt = this.page.now();
    this.page.day = await day(this.page.route.path, this.dayAt);
    this.update();
  }

  async _changes() {
    const { page } = this;
    try {
      this.changed = readChanges(await ask("api/changes", { path: page.route.path, window: "1h" }));
      this.changesError = "";
    } catch (error) {
      this.changesError = error.message;
    }
    page.changed = this.changed?.changes ?? [];
    await page.fleet.first("alerts"); // their lines are asked for beside
    const to = page.now();
    await this.sparks.load({ changes: page.changed, problems: this.problems.slice(0, MOST_PROBLEMS) }, { from: to - 3600, to });
  }

  /** Show what is known now. */
  update() {
    const { page } = this;
    const { status, fleet, route } = page;
    this.columns.classList.toggle("alone", status?.ready === false);
    if (status && !status.ready) {
      put(this.top, this.notReady.show(status));
      this.left.hidden = this.changes.hidden = true;
    } else {
      this.left.hidden = this.changes.hidden = false;
      put(this.top, this._verdict());
      put(this.left, problemsCard({ route, problems: this.problems, silenced: fleet.alerts?.silenced.length ?? 0, selected: this.selected, now: page.now(), sparks: this.sparks.problems, select: (number) => this.select(number), act: page.act, empty: calm(page), error: failed(fleet.errors.alerts, fleet.at.alerts) }));
      put(this.changes, changesCard({ route, answer: this.changed, sparks: this.sparks.changes, colour: (name) => page.go(page.with({ m: name })), error: failed(this.changesError, this.changed?.at) }));
    }
    put(this.events, eventsCard(page, this.recent));
    const known = status?.ready !== false;
    put(this.chooser, known && chooser(page, this.colouring.error));
    this.map.show(fleet.tree, { colour: this.colouring.of(page.fleet.tree), hits: page.hits, pins: known ? this.problems.slice(0, MOST_PROBLEMS).map(({ number, path, severity }) => ({ number, path, severity })) : [], known });
  }

  _verdict() {
    const { page } = this;
    const nodes = page.status?.coverage.nodes ?? null;
    const [severity, title, text] = sentence(this.problems, nodes, page);
    const { tree } = page.fleet;
    const about = tree ? `the fleet · ${many(tree.levels.length, "level")}, ${many(tree.size, "place")}` : "the fleet";
    return verdict({ route: page.route, path: page.status?.path || page.fleet.root, about, severity, title, text, side: coverage(nodes, { where: (state) => toPlace(page.route, "", "nodes", { state }) }) });
  }

  select(number) {
    const problem = this.problems[number - 1];
    this.page.note({ open: problem === this.selected ? "" : problem.id });
    this.update();
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    if (/^[1-9]$/.test(name) && this.problems[Number(name) - 1]) {
      this.select(Number(name));
      return true;
    }
    const problem = this.selected;
    if (name === "Enter" && problem) {
      this.page.act.open(problem);
      return true;
    }
    if (name === "s" && problem?.alert) {
      this.page.act.silence(problem);
      return true;
    }
    if (name === "w" && problem?.metric) {
      this.page.act.open(problem);
      return true;
    }
    if (name === "y") return this.page.copy(problem?.query ?? "");
    return this.map.press(name);
  }
}

const since = (start, now) => (Number.isFinite(start) ? `; the worst since ${clock(start, 2)}, ${span(now - start)}` : "");

/** Why nobody can say that all is well; null where somebody can. @returns {[string, string, string] | null} */
export function unknown({ status, fleet, live }) {
  if (live.connection === "disconnected" && fleet.alerts) return null; // the banner says of when all of it is
  if (status?.connected === false) return ["warning", "Cut off from NATS", "All numbers are of an earlier moment."];
  if (!fleet.alerts || fleet.errors.alerts) return ["", "Alerts are not known", fleet.errors.alerts || "Asking the aggregator …"];
  return null;
}

/** The verdict in one sentence. @returns {[string, string, string]} */
export function sentence(problems, nodes, page) {
  if (!nodes) return ["", "Asking the aggregator …", ""];
  const all = known(nodes);
  if (!problems.some(({ alert, state }) => alert || state === "firing")) {
    const doubt = unknown(page);
    if (doubt) return doubt;
    const bad = all - (nodes.live ?? 0);
    if (!all) return ["", "No node has been heard yet", "An agent that publishes to this server appears here by itself."];
    if (bad) return ["warning", `Nothing fires; ${notLive(nodes)}`, `${count(nodes.live)} of ${count(all)} nodes are live: numbers stand on ${share(nodes.live, all)}.`];
    if (page.live.connection === "disconnected") return ["", "Nothing was wrong when the aggregator was last heard", ""];
    return ["ok", "All well", `${count(nodes.live)} of ${count(all)} nodes are live, every total is complete.`];
  }
  const [first, second] = problems;
  const title = [first, second].filter(Boolean).map(({ title: name, path }) => (path ? `${name} at ${path}` : name)).join(", ");
  const { folded } = page.fleet.alerts;
  const oldest = Math.min(...problems.map(({ start }) => start || Infinity));
  const worst = problems.find(({ severity }) => severity === "critical") ?? first;
  return [first.severity, title, `${many(problems.length, "problem")}${folded > problems.length ? `, folded from ${many(folded, "alert")}` : ""}${since(worst.start || oldest, page.now())}.`];
}
