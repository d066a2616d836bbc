// Nodes at and under a place: one row each, states as toggles, rows drawn as you scroll.
import { copy, h, heads, key, put } from "../base/dom.js";
import { clock, count, full, moment, span } from "../base/numbers.js";
import { EVERY } from "../base/once.js";
import { after, isUnder, oneOf, shortened } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { ask } from "../data/api.js";
import { NOT_LIVE } from "../data/tree.js";
import { failed } from "../parts/failed.js";
import { filterField, moved } from "../parts/filter.js";
import { ROW, Rows } from "../parts/rows.js";
import { shell } from "../parts/silence.js";
import { here } from "../parts/verdict.js";

const LISTED = ["departed", "missing", "quarantined", "unread", "stale", "live", "ended"];
const ORDERS = { worst: "worst first, then longest", silence: "the longest silent first", path: "by place" };
const NODES_BY = Object.keys(ORDERS);
const NODES_AT_ONCE = 200;
const MOST_NODES = 1000;
const FOLDED = 3;
const TYPED_MS = 120;

export class Nodes {
  constructor(page) {
    this.page = page;
    this.path = page.route.path;
    this.chosen = 0;
    this.picked = new Set();
    this.rows = [];
    /** What is drawn: nodes, and groups of them that are folded. @type {any[]} */
    this.lines = [];
    this.unfolded = new Set();
    this.abort = new AbortController();
    this.field = filterField(page, "nodes", "filter: path, version, role…", () => this._filter());
    this.head = h("div.about");
    this.chips = h("span.chip-list");
    this.rest = h("p.body.note");
    this.table = new Rows(h("tr", heads(["state", "place", "#for", "-#last heard", "~#interval", "~version", "-note", "~#command"])), "Nodes", (line, place) => this._row(line, place));
    this.table.element.classList.add("tall");
    this.table.element.addEventListener("scroll", () => { if (this.next && this.table.nearEnd) this._more(); });
    this.element = h("div.stack", h("section.card", { "aria-label": "Filter" }, this.head, h("div.chips", this.chips, h("span.end", this.field, h("span.wide", key("f"))))), h("section.card", { "aria-label": "Nodes" }, this.table.element, this.rest));
    this.timer = setInterval(() => { if (this.rows.length <= MOST_NODES || !this.table.element.scrollTop) this.load(); }, EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.abort.abort();
  }

  get states() {
    const { state } = this.page.route.query;
    if (state === "all") return LISTED;
    const named = LISTED.filter((name) => state?.split(",").includes(name));
    return named.length ? named : NOT_LIVE;
  }

  get sort() {
    return oneOf(NODES_BY, this.page.route.query.sort);
  }

  async load(more = false) {
    if (document.hidden || !this.page.status?.ready) return;
    const { query } = this.page.route;
    const wanted = { path: this.path, state: this.states, q: query.q ?? "", sort: this.sort, limit: Math.min(MOST_NODES, Math.max(NODES_AT_ONCE, more ? NODES_AT_ONCE : this.rows.length)), cursor: more ? this.next : "" };
    const asked = (this.asked = (this.asked ?? 0) + 1);
    try {
      const answer = await ask("api/nodes", wanted, { signal: this.abort.signal });
      if (asked !== this.asked) return;
      this.rows = more ? [...this.rows, ...answer.nodes] : answer.nodes;
      this.next = answer.next;
      this.total = answer.total;
      this.counts = answer.states;
      this.error = "";
      this.at = this.page.now();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error.message;
    }
    this.update();
  }

  _filter() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      this.rows = [];
      this.load();
    }, TYPED_MS);
  }

  update() {
    const { page } = this;
    put(this.head, here(page, "nodes"), failed(this.error, this.at) ?? h("p.label", `${count(this.rows.length)} of ${count(this.total ?? NaN)} shown · ${ORDERS[this.sort]}`));
    this._fold();
    const chosen = new Set(this.states);
    const chip = (state, text, pressed, query) => h("button.chip", { "aria-pressed": String(pressed), "data-key": `chip-${state}`, onclick: () => page.go(page.with(query)) }, text);
    put(
      this.chips,
      chip("all", ["all ", h("b", count(this.counts ? LISTED.reduce((sum, state) => sum + (this.counts[state] ?? 0), 0) : NaN))], chosen.size === LISTED.length, { state: chosen.size === LISTED.length ? "" : "all" }),
      LISTED.map((state) => chip(state, [h("i", { class: `swatch ${state}` }), ` ${state} `, h("b", count(this.counts?.[state] ?? NaN))], chosen.has(state), { state: toggled(chosen, state) })),
    );
    this.table.draw(this.lines);
    put(this.rest, this.rows.length ? [`${count(this.rows.length)} loaded of ${count(this.total)} · rows are drawn as you scroll`, h("span.wide", " · ", key("x"), " selects, ", key("e"), " unfolds, ", key("y"), " copies the paths, ", key("c"), " the command")] : this.error ? "" : `No node here is ${this.states.join(", ") || "chosen"}.`);
  }

  /** Nodes of one state that are joined by place are one line, until it is unfolded. */
  _fold() {
    const { query } = this.page.route;
    const groups = query.q || this.sort !== "worst" ? [] : (this.page.fleet.alerts?.groups ?? []).flatMap(({ state, groups: of }) => of.filter(({ nodes, path }) => nodes >= FOLDED && path !== this.path && isUnder(path, this.path)).map((group) => ({ ...group, state, id: `${state}@${group.path}` })));
    const seen = new Set();
    this.lines = this.rows.flatMap((node) => {
      const fold = groups.find(({ state, path }) => state === node.state && isUnder(node.path, path));
      if (!fold) return [node];
      const first = !seen.has(fold.id);
      seen.add(fold.id);
      const open = this.unfolded.has(fold.id);
      return [...(first ? [{ ...fold, fold: true, open }] : []), ...(open ? [node] : [])];
    });
    if (this.next && !this.loading && this.lines.length * ROW < this.table.element.clientHeight) this._more();
  }

  _more() {
    if (this.loading) return;
    this.loading = true;
    this.load(true).finally(() => { this.loading = false; });
  }

  _row(line, place) {
    const { page } = this;
    const now = page.now();
    const cells = line.fold ? foldCells(line, now, () => this._unfold(line)) : nodeCells(line, now);
    return h(
      "tr.open",
      { "aria-selected": String(place === this.chosen || this.picked.has(line.path)), onclick: (event) => { if (!event.target.closest("a, button")) { this.chosen = place; this.table.draw(this.lines); } } },
      h("td", h("i", { class: `swatch ${line.state}` }), ` ${line.state}`),
      h("td", h("a.path", { href: toPlace(page.route, line.path), title: line.path, "data-key": `node-${line.path}` }, shortened(line.path, 56)), " ", cells.badge),
      h("td.number", cells.silent),
      h("td.number.quiet.wide", { title: full(cells.heard) }, cells.last),
      h("td.number.quiet.roomy", cells.interval),
      h("td.quiet.mono.roomy", cells.version),
      h("td.note.wide", cells.note),
      h("td.number.mono.roomy", commandOf(line)),
    );
  }

  _unfold({ id }) {
    if (!this.unfolded.delete(id)) this.unfolded.add(id);
    this._fold();
    this.table.draw(this.lines);
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    const node = this.lines[this.chosen];
    const next = moved(name, this.chosen, this.lines.length);
    if (next >= 0) {
      this.chosen = next;
      this.table.reveal(next);
    } else if (name === "f") this.field.focus();
    else if (name === "o") this.page.go(this.page.with({ sort: after(NODES_BY, this.sort) }));
    else if (name === "e" && node?.fold) this._unfold(node);
    else if (name === "x" && node) {
      if (!this.picked.delete(node.path)) this.picked.add(node.path);
      this.table.draw(this.lines);
    } else if (name === "y") copy((this.picked.size ? [...this.picked] : this.rows.map(({ path }) => path)).join("\n"));
    else if (name === "c" && node) copy(this.lines.filter((line) => (this.picked.size ? this.picked.has(line.path) : line === node)).map((line) => commandOf(line) || `fog tree ${shell(line.path)}`).join("\n"));
    else if (name === "Enter" && node) this.page.go(toPlace(this.page.route, node.path));
    else return false;
    return true;
  }
}

function toggled(chosen, state) {
  const next = new Set(chosen);
  if (!next.delete(state)) next.add(state);
  return next.size === LISTED.length ? "all" : [...next].join(",") || "live";
}

/** What is worth a word about a node. */
export function noteOf(node) {
  return [node.note, node.state === "missing" && "expected, never heard", node.epochs > 1 && `${node.epochs} writers`, node.gaps > 0 && `${node.gaps} gaps open`, node.ephemeral && "ephemeral", node.branch && "a branch's own aggregator"].filter(Boolean).join(", ");
}

function nodeCells(node, now) {
  const age = node.last_heard_age_seconds;
  const heard = age === null ? NaN : now - age;
  return { badge: null, silent: node.state === "live" ? "" : span(age ?? NaN), heard, last: Number.isNaN(heard) ? "never" : now - heard < 86400 ? clock(heard) : moment(heard, now), interval: node.interval_seconds ? `${node.interval_seconds} s` : "", version: node.info?.version ?? "", note: noteOf(node) };
}

function foldCells({ id, state, nodes, of, first, last, open }, now, unfold) {
  const heard = first || NaN;
  return {
    badge: h("button.badge", { "data-key": `fold-${id}`, onclick: unfold, "aria-expanded": String(open) }, `${count(nodes)} nodes${open ? " ▾" : ", folded ▸"}`),
    silent: span(now - heard), heard, last: heard ? `${clock(heard)}${last - first >= 1 ? `–${clock(last).slice(-5)}` : ""}` : "never",
    note: [nodes === of ? "all of the place" : `of ${count(of)}`, state === "missing" ? "expected, never heard" : last - first < 60 && `all within ${span(last - first)}`].filter(Boolean).join(", "),
  };
}

/** The command that an operator needs for it, if any: of a group only where all of its place is meant. */
export function commandOf({ state, path, fold = false, nodes = 0, of = 0 }) {
  if (fold && nodes !== of) return "";
  return { departed: `fog forget ${shell(path)}`, quarantined: `fog quarantine ${shell(path)} --lift` }[state] ?? "";
}
