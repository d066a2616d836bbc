// The charts of a place: the metric that is looked at first, then those that count most.
import { h, key, put } from "../base/dom.js";
import { many } from "../base/numbers.js";
import { atPlace, levelOf } from "../data/queries.js";
import { ChartCard } from "./chart_card.js";

const FEW = 4;
const MANY = 40;

export class Charts {
  constructor(page, path) {
    this.page = page;
    this.path = path;
    this.most = FEW;
    /** The names of the metrics of this place, once they are known. @type {string[] | null} */
    this.names = null;
    /** @type {[any, any] | null} what was asked for last */
    this.asked = null;
    this.cards = [];
    this.body = h("div.charts");
    this.rest = h("p.note");
    this.element = h("div.stack.order-3", this.body, this.rest);
    this._make();
  }

  /** Choose the metrics, once the families are known, and again when it is known which of them are here. */
  prepare(names = this.names) {
    const isNew = names !== null && !this.names;
    this.names = names;
    if (isNew || !this.cards.length) this._make();
  }

  _make() {
    for (const card of this.cards) card.close();
    const here = chosen(this.page, this.names);
    this.metrics = here.slice(0, this.most);
    this.cards = this.metrics.map((metric) => new ChartCard({ metric, path: this.path, choose: (from, to) => this.page.choose(from, to) }));
    put(this.body, this.cards.map((card) => card.element));
    const others = here.length - this.cards.length;
    put(this.rest, others > 0 ? [`${many(others, "more metric")} of this place · `, h("button.plain.link", { onclick: () => this._all() }, "show all"), h("span.wide", " · ", key("n"), " next chart")] : here.length || !this.names ? "" : "No metric of this place is known but those that agents have of themselves.");
  }

  _all() {
    this.most = MANY;
    this._make();
    if (this.asked) for (const job of this.jobs(...this.asked)) job();
  }

  close() {
    for (const card of this.cards) card.close();
  }

  get query() {
    const focused = this.cards.find(({ element }) => element === document.activeElement);
    return (focused ?? this.cards[0])?.query ?? "";
  }

  next() {
    const place = this.cards.findIndex(({ element }) => element === document.activeElement);
    this.cards[(place + 1) % Math.max(1, this.cards.length)]?.element.focus();
  }

  /** What is to be asked for, each for itself. @param {{from: number, to: number}} span */
  jobs(span, more) {
    this.asked = [span, more];
    this.prepare();
    const lack = this.page.fleet.lacks(levelOf(this.path));
    if (this.body.hidden && !lack) this._make();
    this.body.hidden = Boolean(lack);
    if (lack) {
      put(this.rest, lack);
      return [];
    }
    return this.cards.map((card, place) => async () => {
      const of = await card.load(span, place ? more : { ...more, beside: { cover: coverageOver(this.path) } });
      const [cover] = of("cover");
      if (cover) for (const one of this.cards) one.cover(cover.values);
    });
  }
}

/** The metrics to show, of those of the place: the one of the address, which may be none of them, then what changed most, then the others. */
function chosen({ route, fleet, changed }, names) {
  const order = [route.query.m, ...(changed ?? []).map(({ name }) => name)];
  const rank = ({ name }) => (order.includes(name) ? order.indexOf(name) : order.length);
  return fleet.families.filter(({ name }) => !names || names.includes(name) || name === route.query.m).sort((one, other) => rank(one) - rank(other));
}

/** The share of nodes that were live. */
function coverageOver(path) {
  const all = (state) => `sum(fog_aggregator_nodes{${[atPlace(path), state].filter(Boolean).join(",")}})`;
  return `${all('state="live"')} / ${all('state!="ended"')}`;
}
