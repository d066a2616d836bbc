// The families of the fleet: what they are, how many series, what nodes disagree about. A click colours the map.
import { card, h, heads, key, put } from "../base/dom.js";
import { count } from "../base/numbers.js";
import { matcher } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { ask, instant } from "../data/api.js";
import { atPlace } from "../data/queries.js";
import { step } from "../parts/rows.js";
import { crumbs } from "../parts/verdict.js";

const MOST_FAMILIES = 500;

export class Metrics {
  constructor(page) {
    this.page = page;
    this.conflicts = new Map();
    /** @type {((family: any) => number) | null} */
    this.sort = null;
    this.field = h("input.filter", { placeholder: "filter: name, help, type", value: page.route.query.q ?? "", "aria-label": "Filter the metrics (f)", oninput: () => this.update() });
    this.body = h("tbody");
    this.rest = h("p.body.note");
    this.element = h(
      "div.stack",
      card("Metrics", { note: "families of the fleet; a click colours the map", end: [this.field, key("f")] }, h("p.body", crumbs(page.route, page.route.path || page.fleet.root)), h("div.scroll", h("table", h("thead", h("tr", heads(["metric", "type", "-unit", "#series", "-help", "conflicts"]))), this.body)), this.rest),
    );
    ask("api/conflicts", { limit: 1000 }).then((answer) => { for (const family of answer.families) this.conflicts.set(family.name, family); this.update(); }, () => {});
    this._series();
    this.update();
  }

  close() {}

  /** How many series each family has at the place. */
  async _series() {
    const where = ['__name__=~".+"', atPlace(this.page.route.path)].filter(Boolean).join(",");
    const rows = await instant(`count by (__name__) ({${where}})`).catch(() => []);
    this.series = new Map(rows.map(({ labels, value }) => [labels.__name__, value]));
    this.update();
  }

  update() {
    const { page } = this;
    const test = matcher(/** @type {HTMLInputElement} */ (this.field).value);
    const shown = page.fleet.families.filter(({ name, type, help }) => test(`${name} ${type} ${help}`));
    if (this.sort) shown.sort((one, other) => this.sort(other) - this.sort(one));
    put(
      this.body,
      shown.slice(0, MOST_FAMILIES).map((family) =>
        h(
          "tr",
          h("td", h("a.path", { href: toPlace(page.route, page.route.path, "overview", { m: family.name, by: "" }), "data-key": family.name }, family.name)),
          h("td.quiet", family.type),
          h("td.quiet.wide", family.unit),
          h("td.number.quiet", count(this._count(family))),
          h("td.note.wide", family.help),
          h("td", this.conflicts.has(family.name) ? h("span.warn", "▲ nodes disagree") : ""),
        ),
      ),
    );
    put(this.rest, page.fleet.errors.families ? h("span.bad", page.fleet.errors.families) : shown.length > MOST_FAMILIES ? `first ${count(MOST_FAMILIES)} of ${count(shown.length)}` : `${count(shown.length)} of ${count(page.fleet.families.length)} families`);
  }

  _count = ({ name }) => this.series?.get(name) ?? this.series?.get(`${name}_count`) ?? NaN;

  /** As the page has them, or those with the most first. */
  _order() {
    const orders = [null, this._count];
    this.sort = orders[(orders.indexOf(this.sort) + 1) % orders.length];
    this.update();
  }

  /** @returns {boolean} whether the key was ours */
  press(name) {
    if (name === "f") this.field.focus();
    else if (name === "o") this._order();
    else return step(this.body, name);
    return true;
  }
}
