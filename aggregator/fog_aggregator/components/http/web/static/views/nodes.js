// Nodes at and under a place: one row each, states as toggles, rows drawn as you scroll.
import { copy, h, key, put } from "../base/dom.js";
import { clock, count, full, moment, span } from "../base/numbers.js";
import { shortened } from "../base/paths.js";
import { EVERY } from "../base/once.js";
import { toPlace } from "../base/route.js";
import { ask } from "../data/api.js";
import { shell } from "../parts/silence.js";
import { crumbs } from "../parts/verdict.js";

const LISTED = ["departed", "missing", "quarantined", "unread", "stale", "live", "ended"];
const NODES_AT_ONCE = 200;
const MOST_NODES = 1000;
const ROW = 32;
const TYPED_MS = 120;

export class Nodes {
  constructor(page) {
    this.page = page;
    this.path = page.route.path;
    this.chosen = 0;
    this.picked = new Set();
    this.rows = [];
    this.abort = new AbortController();
    this.field = h("input", { class: "filter", placeholder: "filter: path, version, role…", "aria-label": "Filter the nodes (f)", value: page.route.query.q ?? "", oninput: () => this._filter() });
    this.head = h("div", { class: "body" });
    this.chips = h("span", { class: "chip-list" });
    this.body = h("tbody");
    this.rest = h("p", { class: "body note" });
    this.table = h("div", { class: "scroll tall", tabindex: "0", "aria-label": "Nodes", onscroll: () => this._scrolled() }, h("table", {}, h("thead", {}, h("tr", {}, ["state", "place"].map((name) => h("th", { scope: "col" }, name)), ["for", "last heard", "interval"].map((name) => h("th", { scope: "col", class: `number ${{ for: "", "last heard": "wide", interval: "roomy" }[name]}` }, name)), h("th", { scope: "col", class: "roomy" }, "version"), h("th", { scope: "col", class: "wide" }, "note"), h("th", { scope: "col", class: "number roomy" }, "command"))), this.body));
    this.element = h("div", { class: "stack" }, h("section", { class: "card", "aria-label": "Filter" }, this.head, h("div", { class: "chips" }, this.chips, h("span", {}, this.field, key("f")))), h("section", { class: "card", "aria-label": "Nodes" }, this.table, this.rest));
    this.timer = setInterval(() => this.load(), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.abort.abort();
  }

  get states() {
    const { state } = this.page.route.query;
    if (state === "all") return LISTED;
    return state ? state.split(",").filter((name) => LISTED.includes(name)) : ["departed", "missing", "quarantined", "unread", "stale"];
  }

  async load(more = false) {
    if (document.hidden || !this.page.status?.ready) return;
    const { query } = this.page.route;
    const wanted = { path: this.path, state: this.states, q: query.q ?? "", sort: query.sort ?? "worst", limit: Math.min(MOST_NODES, Math.max(NODES_AT_ONCE, more ? NODES_AT_ONCE : this.rows.length)), cursor: more ? this.next : "" };
    const asked = (this.asked = (this.asked ?? 0) + 1);
    try {
      const answer = await ask("api/nodes", wanted, { signal: this.abort.signal });
      if (asked !== this.asked) return;
      this.rows = more ? [...this.rows, ...answer.nodes] : answer.nodes;
      this.next = answer.next ?? null;
      this.total = answer.total;
      this.counts = answer.states;
      this.error = "";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error.message;
    }
    this.update();
  }

  _filter() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      history.replaceState(null, "", this.page.with({ q: this.field.value }));
      this.page.route.query.q = this.field.value;
      this.rows = [];
      this.load();
    }, TYPED_MS);
  }

  _scrolled() {
    if (this.next && this.table.scrollTop + this.table.clientHeight > this.table.scrollHeight - 20 * ROW && !this.loading) {
      this.loading = true;
      this.load(true).finally(() => { this.loading = false; });
    }
    this._draw();
  }

  update() {
    const { page } = this;
    put(this.head, h("p", {}, crumbs(page.route, this.path || page.fleet.root), h("span", { class: "label" }, " nodes at and under this place")), h("p", { class: "label" }, this.error ? h("span", { class: "bad" }, this.error) : `${count(this.rows.length)} of ${count(this.total ?? NaN)} shown · worst first, then longest`));
    const chosen = new Set(this.states);
    const chip = (state, text, pressed, query) => h("button", { class: "chip", "aria-pressed": String(pressed), "data-key": `chip-${state}`, onclick: () => page.go(page.with(query)) }, text);
    put(
      this.chips,
      chip("all", "all", chosen.size === LISTED.length, { state: chosen.size === LISTED.length ? "" : "all" }),
      LISTED.map((state) => chip(state, [h("i", { class: `swatch ${state}` }), ` ${state} `, h("b", {}, count(this.counts?.[state] ?? NaN))], chosen.has(state), { state: toggled(chosen, state) })),
    );
    this._draw();
    put(this.rest, this.rows.length ? [`${count(this.rows.length)} loaded of ${count(this.total)} · rows are drawn as you scroll · `, key("x"), " selects, ", key("y"), " copies the paths, ", key("c"), " the command"] : this.error ? "" : `No node here is ${this.states.join(", ") || "chosen"}.`);
  }

  /** Draw the rows in sight; the others are space. */
  _draw() {
    const first = Math.max(0, Math.floor(this.table.scrollTop / ROW) - 10);
    const last = Math.min(this.rows.length, first + Math.ceil((this.table.clientHeight || 700) / ROW) + 20);
    const space = (rows) => (rows > 0 ? h("tr", { css: { height: `${rows * ROW}px` }, "aria-hidden": "true" }, h("td", { colspan: 8 })) : null);
    put(this.body, space(first), this.rows.slice(first, last).map((node, place) => this._row(node, first + place)), space(this.rows.length - last));
  }

  _row(node, place) {
    const { page } = this;
    const now = page.now();
    const age = node.last_heard_age_seconds;
    const heard = age === null ? NaN : now - age;
    return h(
      "tr",
      { class: "open", "aria-selected": String(place === this.chosen || this.picked.has(node.path)), onclick: (event) => { if (!(event.target instanceof HTMLAnchorElement)) { this.chosen = place; this._draw(); } } },
      h("td", {}, h("i", { class: `swatch ${node.state}` }), ` ${node.state}`),
      h("td", {}, h("a", { class: "path", href: toPlace(page.route, node.path), title: node.path, "data-key": `node-${node.path}` }, shortened(node.path, 56))),
      h("td", { class: "number" }, node.state === "live" ? "" : span(age ?? NaN)),
      h("td", { class: "number quiet wide", title: full(heard) }, Number.isNaN(heard) ? "never" : now - heard < 86400 ? clock(heard) : moment(heard, now)),
      h("td", { class: "number quiet roomy" }, node.interval_seconds ? `${node.interval_seconds} s` : ""),
      h("td", { class: "quiet mono roomy" }, node.info?.version ?? ""),
      h("td", { class: "note wide" }, noteOf(node)),
      h("td", { class: "number mono roomy" }, commandOf(node)),
    );
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    const node = this.rows[this.chosen];
    const move = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[name];
    if (move) {
      this.chosen = Math.max(0, Math.min(this.rows.length - 1, this.chosen + move));
      const top = this.chosen * ROW;
      if (top < this.table.scrollTop || top > this.table.scrollTop + this.table.clientHeight - 3 * ROW) this.table.scrollTop = top - this.table.clientHeight / 2;
      this._draw();
    } else if (name === "f") this.field.focus();
    else if (name === "x" && node) {
      if (!this.picked.delete(node.path)) this.picked.add(node.path);
      this._draw();
    } else if (name === "y") copy((this.picked.size ? [...this.picked] : this.rows.map(({ path }) => path)).join("\n"));
    else if (name === "c" && node) copy(commandOf(node) || `fog tree ${shell(node.path)}`);
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

/** The command that an operator needs for it, if any. */
export function commandOf(node) {
  return { departed: `fog forget ${shell(node.path)}`, quarantined: `fog quarantine ${shell(node.path)} --lift` }[node.state] ?? "";
}

