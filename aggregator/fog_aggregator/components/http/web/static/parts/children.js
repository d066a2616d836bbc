// The children of a place, the worst first: nodes, a metric, what it is beside the siblings, an hour of it.
import { card, h, key, put } from "../base/dom.js";
import { clock, count, figure, span, twoDigits, unitOf } from "../base/numbers.js";
import { after, brief, isUnder, matcher, oneOf, tokens } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { SHOWN } from "./coverage.js";
import { failed } from "./failed.js";
import { enter, filterField, moved } from "./filter.js";
import { spanName } from "./frame.js";
import { Rows } from "./rows.js";
import { median } from "../draw/layers.js";
import { spark } from "../draw/spark.js";

const MOST_ROWS = 100;
const CHILDREN_BY = ["worst", "value", "name"];
const UNLIKE = 3;
/** Six standard deviations, estimated by the median distance from the median. */
const FAR = 6 * 1.4826;

/** A metric's name as the head of a column: its last word, with what is no word behind it. */
export function headOf(name) {
  const stem = name.replace(/_(total|seconds|bytes|ratio|percent|celsius)$/, "");
  return /[^_]*[a-z]{3}[^_]*(_[^_]{0,2})*$/i.exec(stem)?.[0] ?? stem;
}

/** Ratios of values to the median of the others; none below four others, and none of NaN. */
export function ratios(values) {
  const sorted = [...values].filter(([, value]) => !Number.isNaN(value)).sort(([, one], [, other]) => one - other);
  const others = sorted.length - 1;
  if (others < 4) return new Map();
  const without = (place, at) => sorted[at < place ? at : at + 1][1];
  return new Map(sorted.map(([path, value], place) => [path, (2 * value) / (without(place, (others - 1) >> 1) + without(place, others >> 1))]));
}

export class Children {
  /** @param {any} page @param {string} path */
  constructor(page, path) {
    this.page = page;
    this.path = path;
    this.chosen = -1;
    this.rows = [];
    this.shown = [];
    /** Why there are no values, or no newer ones. */
    this.error = "";
    this.valuesAt = NaN;
    this.metric = null;
    this.sparks = new Map();
    this.values = new Map();
    this.more = { metric: null, values: new Map() };
    /** Of the child with that path: the age of the oldest frame of its live nodes. */
    this.oldest = new Map();
    this.at = 0;
    this.head = h("tr");
    this.table = new Rows(this.head, "Children", (row, place) => this._row(row, place));
    this.rest = h("p.body.note");
    this.field = filterField(page, "children", "filter: name, *", () => this.draw(), true);
    this.element = card("Children", { className: "order-2", end: [this.field, h("span.label.wide", "filter ", key("f"), " sort ", key("o"))] }, this.table.element, this.rest);
  }

  /** @param {import("../data/tree.js").Tree} tree */
  show(tree) {
    const place = tree.find(this.path);
    this.tree = tree;
    const known = place >= 0 || !this.path;
    const below = tokens(this.path).length + 1;
    const wrong = new Set(this.page.fleet.problems.filter(({ alert, path }) => alert && isUnder(path, this.path)).map(({ path }) => tokens(path).slice(0, below).join("/")));
    this.rows = (known ? tree.childrenOf(place) : []).map((child) => ({ path: tree.path(child), name: tree.names[child], child, nodes: tree.nodes[child], bad: tree.nodes[child] - tree.of(child, "live"), self: false, wrong: wrong.has(tree.path(child)) }));
    if (place >= 0 && tree.hasNode(place) && this.rows.length) this.rows.push({ path: this.path, name: "itself", child: place, nodes: 1, bad: tree.stateOf(place) === "live" ? 0 : 1, self: true, wrong: false });
    this.draw();
  }

  draw() {
    const others = new Map([...this.values].filter(([path]) => path !== this.path));
    this.ratios = ratios(others);
    const middle = median([...others.values()]);
    const apart = median([...others.values()].map((value) => Math.abs(value - middle)));
    this.isFar = (value) => value !== middle && Math.abs(value - middle) >= FAR * apart;
    const wanted = matcher(this.field.value);
    const shown = this.rows.filter(({ name }) => wanted(name)).sort(this._order());
    this.shown = shown;
    this.table.element.classList.toggle("tall", shown.length > MOST_ROWS);
    const { metric, more } = this;
    const title = (one) => `${headOf(one.name)} ${figure(1, unitOf(one.name, one.type))[1]}`;
    put(
      this.head,
      h("th", { scope: "col" }, "child"),
      h("th", { scope: "col" }, "nodes"),
      this.sparks.size > 0 && h("th", { scope: "col" }, spanName(this.page.route).toLowerCase()),
      metric && h("th", { scope: "col", class: "number", title: metric.name }, title(metric)),
      metric && h("th", { scope: "col", class: "number" }, "× siblings"),
      more.metric && h("th", { scope: "col", class: "number wide", title: more.metric.name }, title(more.metric)),
      this.oldest.size > 0 && h("th", { scope: "col", class: "number wide", title: "age of the oldest frame of a live node" }, "oldest"),
    );
    this.table.draw(shown);
    put(this.rest, failed(this.error, this.valuesAt) ?? (this.rows.length ? "" : "Nothing lies under this place."));
  }

  _row(row, place) {
    const { metric, more } = this;
    const value = this.values.get(row.path);
    const ratio = row.self ? NaN : (this.ratios.get(row.path) ?? NaN);
    const unlike = (ratio >= UNLIKE || ratio <= 1 / UNLIKE) && this.isFar(value);
    const series = this.sparks.get(row.path);
    const [text] = figure(value, metric ? unitOf(metric.name, metric.type) : "");
    return h(
      "tr.open",
      { "aria-selected": String(place === this.chosen), onclick: (event) => { if (!(event.target instanceof HTMLAnchorElement)) this.open(row.path); } },
      h("td", h("a.path", { href: toPlace(this.page.route, row.path), title: row.path, "data-key": `child-${row.path}` }, brief(row.name, 18))),
      h("td.number", count(row.nodes), " ", this._bar(row)),
      this.sparks.size > 0 && h("td", series ? spark(series, { width: 92, kind: unlike && ratio > 1 ? "critical" : "plain" }) : null),
      metric && h("td", { class: `number ${unlike ? "bad" : ""}` }, text),
      metric && h("td", { class: `number ${unlike ? "bad" : "quiet"}` }, Number.isNaN(ratio) ? "" : twoDigits(ratio)),
      more.metric && h("td.number.wide", figure(more.values.get(row.path), unitOf(more.metric.name, more.metric.type))[0]),
      this.oldest.size > 0 && h("td.number.quiet.wide", { title: `as of ${clock(this.at)}` }, span(this.tree.of(row.child, "live") ? (this.oldest.get(row.path) ?? NaN) : NaN)),
    );
  }

  _bar(row) {
    const { tree } = this;
    const states = ["live", ...SHOWN.filter((state) => state !== "live")];
    const of = (state) => (row.self ? Number(tree.stateOf(row.child) === state) : tree.of(row.child, state));
    return h("span.bar.small.wide", { "aria-hidden": "true" }, states.filter(of).map((state) => h("i", { class: state, css: { "flex-grow": of(state) } })));
  }

  get sort() {
    return oneOf(CHILDREN_BY, this.page.route.query.sort);
  }

  _order() {
    const value = (row) => this.values.get(row.path) ?? -Infinity;
    const away = (row) => Math.abs(Math.log(this.ratios.get(row.path) || 1)) || 0;
    const share = (row) => row.bad / (row.nodes || 1);
    return {
      worst: (one, other) => Number(one.self) - Number(other.self) || Number(other.wrong) - Number(one.wrong) || share(other) - share(one) || Number(away(other) > 1) - Number(away(one) > 1) || value(other) - value(one) || one.child - other.child,
      name: (one, other) => one.child - other.child,
      value: (one, other) => value(other) - value(one),
    }[this.sort];
  }

  open(path) {
    this.page.go(toPlace(this.page.route, path));
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    const next = moved(name, this.chosen, this.shown.length);
    if (name === "f") return enter(this.field);
    if (name === "o") {
      this.page.note({ sort: after(CHILDREN_BY, this.sort) });
      this.draw();
    } else if (next >= 0) {
      this.chosen = next;
      this.table.reveal(next);
    } else return false;
    return true;
  }

  /** The child that "Open" means: the chosen row, or the worst. */
  get first() {
    return this.shown[Math.max(0, this.chosen)];
  }
}

