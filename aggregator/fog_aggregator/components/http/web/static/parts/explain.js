// Why a number is what it is: writers, what has ended, what is awaited; and whether it adds up.
import { card, command, h, put } from "../base/dom.js";
import { count, digits, many, span } from "../base/numbers.js";
import { ask } from "../data/api.js";
import { failed } from "./failed.js";
import { shell } from "./silence.js";

const MOST_SUMS = 20;

export class Explain {
  constructor(page, path) {
    this.page = page;
    this.path = path;
    this.name = "";
    this.labels = {};
    /** Whether the sums of all its series are shown. */
    this.all = false;
    this.at = NaN;
    /** @type {any} */
    this.node = null;
    /** @type {any} */
    this.told = null;
    this.body = h("div.body");
    this.element = card("Why this number", { end: [h("code.quiet", "/api/explain")] }, this.body);
    this.element.tabIndex = -1;
  }

  focus() {
    this.element.scrollIntoView({ block: "nearest" });
    this.element.focus();
  }

  /** @param {{name: string, labels: Record<string, string>}} series whose number it is; that of before where none is given */
  async load({ name, labels } = this) {
    if (name !== this.name) Object.assign(this, { told: null, at: NaN, all: false });
    Object.assign(this, { name, labels });
    if (!name) return;
    let error = "";
    try {
      const answer = await ask("api/explain", { path: this.path, name });
      if (name !== this.name) return;
      Object.assign(this, { node: answer.node, at: this.page.now() });
      this.told = [sums(answer, this.at, this), command(`fog audit ${shell(this.path)}`), h("p.note", "Asks the node itself and compares every value.")];
    } catch ({ message }) {
      error = message;
    }
    if (name === this.name) put(this.body, failed(error, this.at), this.told);
  }
}

const number = (value) => (typeof value === "object" && value !== null ? value.count : value);
const labelsKey = (labels) => JSON.stringify(Object.entries(labels).sort());

/** The sum of a series of the metric, and those of its others where they are asked for. */
export function sums(answer, now, explain) {
  if (!answer.node) return h("p.note", "It is no node of its own: look at its children.");
  const key = labelsKey(explain.labels);
  const all = [...answer.total].sort((one, other) => Number(labelsKey(other.labels) === key) - Number(labelsKey(one.labels) === key));
  const others = all.length - 1;
  return [
    all.slice(0, explain.all ? MOST_SUMS : 1).map((sample) => oneSum(answer, sample, now)),
    others > 0 && !explain.all && h("p.note", h("button.plain.link", { "data-key": "all-sums", onclick: () => { explain.all = true; explain.load(); } }, `show ${many(Math.min(MOST_SUMS - 1, others), "more label set")}`)),
    explain.all && all.length > MOST_SUMS && h("p.note", `first ${count(MOST_SUMS)} of ${count(all.length)}: choose one above to see it`),
  ];
}

function oneSum({ name, node }, sample, now) {
  const key = labelsKey(sample.labels);
  const held = (values) => values.filter(({ labels }) => labelsKey(labels) === key);
  const live = node.epochs.map((epoch) => ({ epoch, value: held(epoch.values).reduce((sum, { value }) => sum + number(value), 0) }));
  const gaps = node.epochs.reduce((all, epoch) => all + epoch.gaps, 0);
  const closed = held(node.closed).reduce((sum, { value }) => sum + number(value), 0);
  const sum = live.reduce((all, { value }) => all + value, closed);
  const exported = number(sample.value);
  const same = Math.abs(sum - exported) <= 1e-9 * Math.max(1, Math.abs(exported));
  const labels = Object.entries(sample.labels).map(([label, value]) => `${label}="${value}"`).join(",");
  const row = (title, value, note, strong = false) => h("tr", { class: strong ? "sum" : "" }, h("td", strong ? h("b", title) : title), h("td.number", strong ? h("b", value) : value), h("td.quiet", note));
  const shown = (value) => (Number.isInteger(value) ? count(value) : digits(value));
  return [
    h("p.mono", `${name}${labels ? `{${labels}}` : ""}`),
    h(
      "table.why",
      h(
        "tbody",
        live.map(({ epoch, value }) => row(`writer ${epoch.epoch.slice(0, 4)}…${epoch.epoch.slice(-2)} since ${span(now - epoch.born)}`, shown(value), `frame ${span(now - epoch.heard)} ago${epoch.awaits_keyframe ? ", awaits a keyframe" : ""}`)),
        row(`${count(node.folded)} writers that ended`, shown(closed), node.baselines ? `closed total, ${count(node.baselines)} came back` : "closed total"),
        row("late, awaited by a gap", gaps ? "–" : "0", gaps ? `${many(gaps, "gap")} open` : "no gap is open"),
        row("exported", shown(exported), same ? h("span.fine", "✓ sum of the above") : h("span.bad", `does not add up: ${shown(sum)}`), true),
      ),
    ),
  ];
}
