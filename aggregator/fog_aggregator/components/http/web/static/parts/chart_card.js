// One metric of a place as a chart, with what it is beside its siblings and what it stands on.
import { h, put } from "../base/dom.js";
import { change, clock, count, figure, unitOf } from "../base/numbers.js";
import { range } from "../data/api.js";
import { atPlace, bandOf, copied, expression, heat, ofNode } from "../data/queries.js";
import { chart } from "../draw/chart.js";
import { onColours } from "../draw/colours.js";

const last = (values) => {
  for (let place = values.length - 1; place >= 0; place -= 1) if (Number.isFinite(values[place])) return values[place];
  return NaN;
};
const YOUNG = 0.1;
/** Where the values begin; -1 without any. */
const firstOf = (values) => Array.from(values).findIndex(Number.isFinite);

export class ChartCard {
  /** @param {{metric: {name: string, type: string}, path: string, node?: boolean}} options */
  constructor(options) {
    this.options = options;
    this.unit = unitOf(options.metric.name, options.metric.type);
    this.now = h("span", { class: "now" });
    this.left = h("span");
    this.right = h("span");
    this.error = h("p", { class: "error", hidden: true });
    this.canvas = h("canvas", { role: "img", "aria-label": `${options.metric.name} over time` });
    this.element = h("section", { class: "card chart", tabindex: "0", "aria-label": options.metric.name }, h("div", { class: "head" }, h("span", { class: "name" }, options.metric.name), this.now), h("div", { class: "sub" }, this.left, this.right), this.canvas, this.error);
    this.data = null;
    this.stop = onColours(() => this.draw());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
  }

  close() {
    this.stop();
    this.observer.disconnect();
  }

  get where() {
    return this.options.node ? ofNode(this.options.path) : atPlace(this.options.path);
  }

  /** The query that gives this chart's number elsewhere. */
  get query() {
    return copied(this.options.metric, this.where);
  }

  /** Ask for the span and draw it. @param {{from: number, to: number}} span */
  async load(span, { shares = null, events = [], nodes = null, signal = null } = {}) {
    const { metric, path, node } = this.options;
    try {
      const window = span.to - span.from > 7200 ? "5m" : "1m";
      const main = await range(expression(metric, this.where, { window, node }), span, { signal });
      this.data = { times: main.times, line: main.rows[0]?.values ?? new Float64Array(main.times.length).fill(NaN), span, unit: this.unit, shares, events, band: null, heat: null };
      if (metric.type === "histogram") await this._heat(span, window, signal);
      else if (metric.type === "gauge" && !node) await this._extremes(span, signal);
      else if (path.includes("/") && !node) await this._siblings(span, window, signal);
      this._told(nodes, main.warnings);
      this.draw();
      this.error.hidden = true;
    } catch (error) {
      if (error.name === "AbortError") return;
      put(this.error, `${error.message} `, h("button", { class: "button", onclick: () => this.load(span, { shares, events, nodes, signal }) }, "Try again"));
      this.error.hidden = false;
    }
  }

  async _heat(span, window, signal) {
    const { rows } = await range(heat(this.options.metric.name, this.where, window), span, { signal });
    const sorted = rows.map(({ labels, values }) => ({ bound: labels.le === "+Inf" ? Infinity : Number(labels.le), values })).sort((one, other) => one.bound - other.bound);
    if (sorted.length) this.data.heat = { bounds: sorted.map(({ bound }) => bound), rows: sorted.map(({ values }) => values) };
  }

  async _extremes(span, signal) {
    const { metric } = this.options;
    const { rows } = await range(`${metric.name}{${[this.where, 'stat=~"min|max"'].filter(Boolean).join(",")}}`, span, { signal });
    const of = (stat) => rows.filter(({ labels }) => labels.stat === stat);
    if (of("min").length === 1 && of("max").length === 1) {
      this.data.band = [of("min")[0].values, of("max")[0].values];
      this.data.bandColour = getComputedStyle(document.documentElement).getPropertyValue("--ramp1");
    }
  }

  async _siblings(span, window, signal) {
    const { metric, path } = this.options;
    const [low, high] = await Promise.all([0.1, 0.9].map((quantile) => range(bandOf(metric, path, quantile, window), span, { signal })));
    if (low.rows.length && high.rows.length) this.data.band = [low.rows[0].values, high.rows[0].values];
  }

  _told(nodes, warnings) {
    const { metric } = this.options;
    const { line, band: around } = this.data;
    const [text, unit] = figure(last(line), this.unit);
    put(this.now, text, " ", h("span", { class: "unit" }, metric.type === "histogram" ? `${unit} p99` : unit));
    const begin = firstOf(line);
    const young = begin > YOUNG * line.length; // a rise from the first moment on is no change
    const moved = young ? "" : change(last(line), line[begin]);
    const strong = moved.startsWith("×");
    this.data.bad = strong;
    const beside = around && metric.type === "counter" ? `siblings ${figure(last(around[0]), this.unit)[0]}–${figure(last(around[1]), this.unit)[0]}` : metric.type === "gauge" ? (around ? "mean; band = min to max" : "mean") : metric.type === "histogram" ? "heat = share of observations" : "";
    put(this.left, young ? `since ${clock(this.data.times[begin], 2)} ` : moved && h("span", { class: strong ? "bad" : "" }, `${moved} in the span `), beside);
    put(this.right, warnings.length ? h("span", { class: "warn", title: warnings.join("\n") }, "with a warning") : nodes ? `${count(nodes.live)} of ${count(nodes.all)} nodes` : "");
  }

  draw() {
    if (this.data && this.canvas.isConnected) chart(/** @type {HTMLCanvasElement} */ (this.canvas), this.data);
  }
}
