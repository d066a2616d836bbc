// The series of a node: an hour of each, and its value now.
import { breakable, card, h, key, put, table } from "../base/dom.js";
import { count, figure, twoDigits, unitOf } from "../base/numbers.js";
import { matcher } from "../base/paths.js";
import { ask, ranges } from "../data/api.js";
import { OWN } from "../data/fleet.js";
import { pairs } from "./events.js";
import { failed } from "./failed.js";
import { spanName } from "./frame.js";
import { enter, filterField, moved } from "./filter.js";
import { levelOf, seriesOf, windowOf } from "../data/queries.js";
import { spark } from "../draw/spark.js";

const STATE = /^fog_aggregator_(nodes|nodes_gapped|oldest_frame_age_seconds)$/;
const FEW_SERIES = 9;
const MOST_SERIES = 200;
const MOST_LINED = 12;
/** A series by its name and labels, but for those of places. */
const keyOf = (name, labels) => [name, ...Object.entries(labels).filter(([label]) => !/^(__name__|fog_(node|path|level|row)|stat)$/.test(label)).sort().flat()].join("\n");

export class NodeMetrics {
  /** @param {any} page @param {string} path @param {(row: any) => void} explain */
  constructor(page, path, explain) {
    this.page = page;
    this.path = path;
    this.explain = explain;
    /** @type {any} */
    this.rows = [];
    this.shown = [];
    this.like = new Map();
    /** @type {any} */
    this.others = null;
    this.key = "";
    this.error = "";
    this.body = h("tbody");
    this.note = h("p.body.note");
    this.title = h("span.label");
    this.field = filterField(page, "metrics", "filter", () => this.draw(), true);
    this.element = card(
      "Metrics",
      { className: "order-3", end: [this.title, this.field, h("span.label.wide", "filter ", key("f"))] },
      table(["metric", spanName(page.route).toLowerCase(), "#now", "#× siblings", "-#× all nodes", "-range or total"], this.body),
      this.note,
    );
  }

  /** What "why" begins with: a series of the metric of the address, where it is here, or the first one. */
  get first() {
    return this.rows.find(({ name }) => name === this.page.route.query.m) ?? this.rows[0];
  }

  /** The row that was chosen, else one of the address's metric; -1 without any. */
  get chosen() {
    const place = this.shown.findIndex(({ key: one }) => one === this.key);
    return place < 0 ? this.shown.findIndex(({ name }) => name === this.page.route.query.m) : place;
  }

  /** Ask for all of it: lines are those of the values that are there. */
  async load(span, signal) {
    const [values, likeness, lines] = this.jobs(span, signal);
    await Promise.all([values(), likeness()]);
    await lines();
  }

  /** What is to be asked for, each for itself. */
  jobs(span, signal) {
    return [() => this._values(signal), () => this._likeness(signal), () => this._lines(span, signal)];
  }

  async _values(signal) {
    const { fleet } = this.page;
    try {
      const { metrics } = await ask("api/snapshot", { node: this.path }, { signal });
      this.error = "";
      this.at = this.page.now();
      const before = new Map(this.rows.map((row) => [row.key, row]));
      const own = ({ labels: { type, le } }) => !le && type !== "sum";
      // Of a node's samples those of its state are said above; of a histogram's the count is enough.
      this.rows = Object.entries(metrics).filter(([name]) => !STATE.test(name)).flatMap(([name, values]) => [values].flat().filter((one) => fleet.family(name)?.type !== "histogram" || own(one)).map(({ value, labels: { ...labels } }) => {
        if (fleet.family(name)?.type === "histogram") delete labels.type;
        const row = { key: keyOf(name, labels), name, type: fleet.family(name)?.type ?? "", labels, value: Number(value) };
        return { ...row, line: before.get(row.key)?.line };
      }));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error.message;
    }
    this._order();
  }

  async _likeness(signal) {
    this.lack = this.page.fleet.lacks(levelOf(this.path));
    const answer = !this.lack && (await ask("api/likeness", { path: this.path, limit: 200 }, { signal }).catch(() => null));
    if (!answer) return;
    this.others = answer;
    this.like = new Map(answer.metrics.map((one) => [one.metric, one]));
    if (this.at) this._order();
  }

  /** Whether a metric is unlike others'. Those that programs and our own tools have of themselves are none to look at first. */
  _isOdd({ metric, siblings, all }) {
    return !OWN.test(metric) && Boolean(siblings?.unlike || all?.unlike);
  }

  /** Show them: what an alert of the node is about first, then the odd ones. */
  _order() {
    const alerts = this.page.fleet.problems.filter(({ alert, path }) => alert && path === this.path).map(({ metric }) => metric);
    const odd = ({ name }) => 2 * Number(alerts.includes(name)) + Number(this._isOdd(this.like.get(name) ?? { metric: name }));
    const rank = new Map(this.page.fleet.families.map(({ name }, place) => [name, place])); // its own metrics stand last
    this.rows.sort((one, other) => odd(other) - odd(one) || (rank.get(one.name) ?? Infinity) - (rank.get(other.name) ?? Infinity) || (one.key < other.key ? -1 : 1));
    this.draw();
  }

  /** What is odd about the node, if anything: the metric, and whether its siblings have the same. */
  get oddest() {
    const ratio = (one) => Math.abs(Math.log(one.ratio || 1e-9));
    const odd = [...this.like.values()].filter((one) => this._isOdd(one));
    return odd.sort((one, other) => ratio(other.all ?? other.siblings) - ratio(one.all ?? one.siblings))[0] ?? null;
  }

  async _lines(span, signal) {
    const names = [...new Set(this.rows.filter(({ name }) => this.page.fleet.family(name)).map(({ name }) => name))].slice(0, MOST_LINED);
    if (!names.length) return;
    const window = windowOf(300, this.others?.least_window);
    const found = await ranges(Object.fromEntries(names.map((name) => [name, seriesOf(this.page.fleet.family(name), this.path, window)])), span, { most: 60, signal }).catch(() => null);
    if (!found) return;
    const lines = new Map(names.flatMap((name) => found.of(name).map(({ labels, values }) => [keyOf(name, labels), values])));
    for (const row of this.rows) row.line = lines.get(row.key) ?? row.line;
    this.draw();
  }

  draw() {
    const wanted = matcher(this.field.value);
    const shown = this.rows.filter(({ name, labels }) => wanted(`${name} ${Object.values(labels).join(" ")}`));
    this.shown = shown.slice(0, this.field.value || this.all ? MOST_SERIES : FEW_SERIES);
    put(this.title, `${count(this.shown.length)} of ${count(this.rows.length)} series, the odd ones first`);
    const { chosen } = this;
    put(this.body, this.shown.map((row, place) => this._row(row, place === chosen)));
    put(this.note, failed(this.error, this.at) ?? [this.lack && h("p", this.lack), (shown.length > this.shown.length ? (this.all ? `first ${count(this.shown.length)} of ${count(shown.length)}: filter to see the others` : h("button.plain.link", { "data-key": "all-series", onclick: () => { this.all = true; this.draw(); } }, `show ${count(Math.min(MOST_SERIES, shown.length))}`)) : this.rows.length ? "" : "No series of it is shown now.")]);
  }

  _row(row, isChosen) {
    const unit = unitOf(row.name, row.type);
    const like = this.like.get(row.name);
    const finite = Array.from(row.line ?? []).filter(Number.isFinite);
    const now = row.type === "gauge" || !row.line ? (row.type === "gauge" ? row.value : NaN) : row.line[row.line.length - 1];
    const [text, shown] = figure(now, unit);
    const labels = pairs(row.labels);
    const odd = like && this._isOdd(like);
    const title = labels && "of all its label sets together";
    const times = (one, wide = "") => h("td", { class: `number ${wide} ${one?.unlike ? "bad" : "quiet"}`, title }, one && Number.isFinite(one.ratio) ? twoDigits(one.ratio) : "");
    const [least, most] = [Math.min(...finite), Math.max(...finite)].map((value) => figure(value, unit).join(" "));
    const range = row.type === "gauge" ? finite.length > 0 && (least === most ? "unchanged" : `${least} to ${most}`) : `${count(row.value)} ${row.type === "histogram" ? "observed" : "in all"}`;
    return h(
      "tr.open",
      { "aria-selected": String(isChosen), onclick: () => this._choose(row) },
      h("td.long", h("span.mono", h(odd ? "b" : "span", breakable(row.name)), labels && h("span.quiet", ` ${labels}`))),
      h("td", row.line ? spark(row.line, { width: 92, kind: odd ? "critical" : "plain" }) : null),
      h("td", { class: `number ${odd ? "bad" : ""}` }, text, " ", h("span.unit", row.type === "histogram" ? `${shown} p99` : shown)),
      times(like?.siblings),
      times(like?.all, "wide"),
      h("td.note.range.wide", range),
    );
  }

  /** Choose a row: its metric is explained, and in the address. A key that goes through many is no step to go back. */
  _choose(row, byKey = false) {
    this.key = row.key;
    this.page.note({ m: row.name }, byKey);
    this.explain(row);
    this.draw();
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    const next = moved(name, this.chosen, this.shown.length);
    if (name === "f") return enter(this.field);
    if (next < 0) return false;
    this._choose(this.shown[next], true);
    return true;
  }
}
