// One metric of a place as a chart, with what it is beside its siblings and what it stands on.
import { breakable, h, put } from "../base/dom.js";
import { change, clock, count, figure, many, unitOf } from "../base/numbers.js";
import { ranges } from "../data/api.js";
import { atPlace, bandOf, expression, heat, windowOf } from "../data/queries.js";
import { failed } from "./failed.js";
import { timeOf } from "../draw/axes.js";
import { chart } from "../draw/chart.js";
import { dragged } from "../draw/drag.js";
import { onColours } from "../draw/colours.js";

const endOf = (values) => Array.from(values).findLastIndex(Number.isFinite);
const last = (values) => values[endOf(values)] ?? NaN;
const YOUNG = 0.1;
/** So many steps may be without a value at the end of a line whose last value is that of now. */
const LATE = 3;
/** Where the values begin; -1 without any. */
const firstOf = (values) => Array.from(values).findIndex(Number.isFinite);

export class ChartCard {
  /** @param {{metric: {name: string, type: string}, path: string, choose: (from: number, to: number) => void}} options */
  constructor(options) {
    this.options = options;
    this.unit = unitOf(options.metric.name, options.metric.type);
    this.now = h("span.now");
    this.left = h("span");
    this.right = h("span");
    this.error = h("div");
    this.canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img", "aria-label": `${options.metric.name} over time` }));
    this.element = h("section.card.chart", { tabindex: "0", "aria-label": options.metric.name }, h("div.head", h("span.name", breakable(options.metric.name)), this.now), h("div.sub", this.left, this.right), this.canvas, this.error);
    /** @type {any} */
    this.data = null;
    this.shares = null;
    dragged(this.canvas, (place) => timeOf(this.canvas.clientWidth, this.data.span, place), options.choose, () => this.draw());
    this.stop = onColours(() => this.draw());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.canvas);
  }

  close() {
    this.stop();
    this.observer.disconnect();
  }

  get where() {
    return atPlace(this.options.path);
  }

  /** The query that gives this chart's number elsewhere: its own with a window that any scrape fills. */
  get query() {
    return expression(this.options.metric, this.where, { window: windowOf(300, this.least) });
  }

  /** Ask for the span and draw it; and for what else is to be asked beside it, which is returned by its names. @param {{from: number, to: number}} span */
  async load(span, more = {}) {
    const { events = [], nodes = null, signal = null, beside = {} } = more;
    /** Seconds that rates must be taken over here. */
    this.least = more.least;
    try {
      const window = windowOf(span.to - span.from > 7200 ? 300 : 60, this.least);
      const { times, warnings, of } = await ranges({ ...this._queries(window), ...beside }, span, { signal });
      const [line] = of("main");
      this.data = { times, line: line?.values ?? new Float64Array(times.length).fill(NaN), span, unit: this.unit, shares: this.shares, events, ...this._around(of) };
      this._told(nodes, warnings, of);
      this.draw();
      this.at = span.to;
      put(this.error);
      return of;
    } catch (error) {
      if (error.name !== "AbortError") put(this.error, failed(error.message, this.at, h("button.button", { onclick: () => this.load(span, more) }, "Try again")));
      return () => [];
    }
  }

  /** The line, and what stands behind it: a histogram's heat, a gauge's extremes, a counter's siblings. */
  _queries(window) {
    const { metric, path } = this.options;
    const quantile = (share) => expression(metric, this.where, { window, share });
    const main = quantile(0.99);
    if (metric.type === "histogram") return { main, p50: quantile(0.5), p90: quantile(0.9), heat: heat(metric.name, this.where, window) };
    if (metric.type === "gauge") return { main, extremes: `${metric.name}{${[this.where, 'stat=~"min|max"'].filter(Boolean).join(",")}}` };
    return path.includes("/") ? { main, low: bandOf(metric, path, 0.1, window), high: bandOf(metric, path, 0.9, window) } : { main };
  }

  _around(of) {
    const buckets = of("heat").map(({ labels, values }) => ({ bound: labels.le === "+Inf" ? Infinity : Number(labels.le), values })).sort((one, other) => one.bound - other.bound);
    const heat = buckets.length ? { bounds: buckets.map(({ bound }) => bound), rows: buckets.map(({ values }) => values) } : null;
    const extreme = (stat) => of("extremes").filter(({ labels }) => labels.stat === stat);
    const [lower, upper] = this.options.metric.type === "gauge" ? [extreme("min"), extreme("max")] : [of("low"), of("high")];
    const band = lower.length === 1 && upper.length === 1 ? [lower[0].values, upper[0].values] : null;
    return { heat, band, bandColour: extreme("min").length ? "ramp1" : "live" };
  }

  _told(nodes, warnings, of) {
    const { metric } = this.options;
    const { line, band: around } = this.data;
    const [text, unit] = figure(last(line), this.unit);
    const [begin, end] = [firstOf(line), endOf(line)];
    const gone = end >= 0 && end < line.length - LATE; // a number of an earlier moment says so
    put(this.now, text, " ", h("span.unit", metric.type === "histogram" ? `${unit} p99` : unit, gone && ` at ${clock(this.data.times[end], 2)}`));
    const young = begin > YOUNG * line.length; // a rise from the first moment on is no change
    const moved = young ? "" : change(last(line), line[begin]);
    const strong = moved.startsWith("×");
    this.data.bad = strong;
    const beside = around && metric.type === "counter" ? `siblings ${figure(last(around[0]), this.unit)[0]}–${figure(last(around[1]), this.unit)[0]}` : metric.type === "gauge" ? (around ? "mean; band = min to max" : "mean") : metric.type === "histogram" ? ["p50", "p90"].map((name) => h("span", `${name} ${figure(last(of(name)[0]?.values ?? []), this.unit).join(" ")}`)) : "";
    put(this.left, end < 0 ? h("span", "no value in this span") : [young ? h("span", `since ${clock(this.data.times[begin], 2)}`) : moved && h("span", { class: strong ? "bad" : "" }, `${moved} in the span`), beside]);
    const isWhole = nodes?.live === nodes?.all;
    const stands = nodes ? `${count(nodes.live)} of ${count(nodes.all)} nodes` : "";
    const shown = metric.type === "histogram" && isWhole ? "heat = observations" : stands;
    put(this.right, h("span", { class: isWhole ? "" : "warn", title: warnings.join("\n") }, shown, warnings.length > 0 && ` · ${many(warnings.length, "note")}`));
  }

  /** Show what the line stands on. @param {ArrayLike<number> | null} shares */
  cover(shares) {
    this.shares = shares;
    if (!this.data) return;
    this.data.shares = shares;
    this.draw();
  }

  draw() {
    if (this.data && this.canvas.isConnected) chart(/** @type {HTMLCanvasElement} */ (this.canvas), this.data);
  }
}
