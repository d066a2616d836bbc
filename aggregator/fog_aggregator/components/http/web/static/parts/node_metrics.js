// The series of a node: an hour of each, and its value now.
import { card, h, key, put } from "../base/dom.js";
import { count, figure, unitOf } from "../base/numbers.js";
import { matcher } from "../base/paths.js";
import { range } from "../data/api.js";
import { expression, ofNode } from "../data/queries.js";
import { ask } from "../data/api.js";
import { spark } from "../draw/spark.js";

const MOST_SERIES = 40;

export class NodeMetrics {
  /** @param {any} page @param {string} path @param {(name: string) => void} explain */
  constructor(page, path, explain) {
    Object.assign(this, { page, path, explain, rows: [], filter: "", chosen: -1, error: "" });
    this.body = h("tbody");
    this.note = h("p", { class: "body note" });
    this.title = h("span", { class: "label" });
    this.field = h("input", { class: "filter", placeholder: "filter", hidden: true, "aria-label": "Filter the metrics", oninput: () => { this.filter = this.field.value; this.draw(); } });
    this.element = card(
      "Metrics",
      { className: "order-3", end: [this.title, this.field, h("span", { class: "label wide" }, "filter ", key("f"))] },
      h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "metric"), h("th", { scope: "col" }, "last hour"), h("th", { scope: "col", class: "number" }, "now"))), this.body)),
      this.note,
    );
  }

  /** The name of the first row: what "why" begins with. */
  get first() {
    return this.rows[0]?.name ?? "";
  }

  async load(span, signal) {
    await this._values(signal);
    this.draw();
    await this._sparks(span, signal);
  }

  async _values(signal) {
    const families = this.page.fleet;
    let metrics;
    try {
      ({ metrics } = await ask("api/snapshot", { node: this.path }, { signal }));
      this.error = "";
    } catch (error) {
      if (error.name !== "AbortError") this.error = error.message;
      return;
    }
    this.rows = Object.entries(metrics).flatMap(([name, values]) => [values].flat().map(({ value, labels }) => ({ name, type: families.family(name)?.type ?? "", labels, value: Number(value) })));
    this.total = this.rows.length;
  }

  async _sparks(span, signal) {
    const names = new Set();
    for (const row of this.rows.slice(0, 9)) {
      const metric = this.page.fleet.family(row.name);
      if (!metric || names.has(row.name)) continue;
      names.add(row.name);
    }
    await Promise.all([...names].slice(0, 6).map(async (name) => {
      const found = await range(expression(this.page.fleet.family(name), ofNode(this.path), { window: "5m", node: true }), span, { most: 60, signal }).catch(() => null);
      if (found?.rows.length) for (const row of this.rows) if (row.name === name) row.spark = found.rows[0].values;
    }));
    this.draw();
  }

  draw() {
    const wanted = matcher(this.filter);
    const shown = this.rows.filter(({ name, labels }) => wanted(`${name} ${Object.values(labels).join(" ")}`));
    this.shown = shown.slice(0, MOST_SERIES);
    put(this.title, `${count(this.shown.length)} of ${count(this.total ?? 0)} series`);
    put(this.body, this.shown.map((row, place) => this._row(row, place)));
    put(this.note, this.error || (shown.length > MOST_SERIES ? `first ${count(MOST_SERIES)} of ${count(shown.length)}: filter to see the others` : this.rows.length ? "" : "No series of it is shown now."));
  }

  _row(row, place) {
    const unit = unitOf(row.name, row.type);
    const [text, shown] = figure(row.value, row.type === "counter" && row.rate !== true ? unit.replace("/s", "") : unit);
    const labels = Object.entries(row.labels).map(([name, value]) => `${name}=${value}`).join(" ");
    return h(
      "tr",
      { class: "open", "aria-selected": String(place === this.chosen), onclick: () => { this.chosen = place; this.explain(row.name); this.draw(); } },
      h("td", { class: "long" }, h("span", { class: "mono" }, row.name, labels && h("span", { class: "quiet" }, ` ${labels}`))),
      h("td", {}, row.spark ? spark(row.spark, {}) : null),
      h("td", { class: "number" }, text, " ", h("span", { class: "unit" }, shown)),
    );
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    if (name === "f") {
      this.field.hidden = false;
      this.field.focus();
      return true;
    }
    if (name === "j" || name === "k") {
      this.chosen = Math.max(0, Math.min(this.shown.length - 1, this.chosen + (name === "j" ? 1 : -1)));
      if (this.shown[this.chosen]) this.explain(this.shown[this.chosen].name);
      this.draw();
      return true;
    }
    return false;
  }
}
