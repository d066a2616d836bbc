// The families of the fleet: what they are, how many series, how fast they count, which places are unlike. A click colours the map.
import { breakable, card, h, key, put, table } from "../base/dom.js";
import { count, figure, twoDigits, unitOf } from "../base/numbers.js";
import { EVERY } from "../base/once.js";
import { after, matcher, shortened } from "../base/paths.js";
import { toPlace } from "../base/route.js";
import { ask, instant } from "../data/api.js";
import { atPlace, census, windowOf } from "../data/queries.js";
import { failed } from "../parts/failed.js";
import { filterField } from "../parts/filter.js";
import { step } from "../parts/rows.js";
import { crumbs } from "../parts/verdict.js";

const MOST_FAMILIES = 500;

export class Metrics {
  constructor(page) {
    this.page = page;
    this.conflicts = new Map();
    this.abort = new AbortController();
    /** @type {Map<string, {path: string, ratio: number}[]>} children whose values are unlike their siblings', by metric */
    this.odd = new Map();
    this.series = new Map();
    this.rates = new Map();
    this.field = filterField(page, "metrics", "filter: name, help, type", () => this.update());
    this.body = h("tbody");
    this.rest = h("p.body.note");
    this.element = h(
      "div.stack",
      card(crumbs(page.route, page.route.path || page.fleet.root), { label: "Metrics", note: "metrics of the fleet, with the series and rates of this place; a click colours the map", end: [this.field, h("span.wide", key("f"))] }, table(["metric", "-type", "-unit", "#series", "#rate", "~help", "unlike"], this.body), this.rest),
    );
    ask("api/conflicts", { limit: 1000 }).then((answer) => { for (const family of answer.families) this.conflicts.set(family.name, family.versions); this.update(); }, () => {});
    this._compare();
    this.timer = setInterval(() => this.load(), EVERY);
    this.load();
    this.update();
  }

  close() {
    clearInterval(this.timer);
    this.abort.abort();
  }

  /** Which children have values unlike their siblings': once, as it reads all of them. */
  async _compare() {
    const { route, fleet } = this.page;
    const answer = await ask("api/unlike", { path: route.path || fleet.root, limit: 200 }, { signal: this.abort.signal }).catch(() => null);
    if (!answer) return;
    this.least = answer.least_window;
    this.odd = new Map(answer.metrics.map(({ metric, places }) => [metric, places]));
    this.update();
  }

  /** How many series each family has at the place, and how fast it counts: one query. */
  async load() {
    if (document.hidden || !this.page.status?.ready) return;
    try {
      const rows = await instant(census(atPlace(this.page.route.path), windowOf(300, this.least)), { signal: this.abort.signal });
      const column = (name) => new Map(rows.filter(({ labels }) => labels.fog_row === name).map(({ labels, value }) => [labels.fog_family, value]));
      [this.series, this.rates] = [column("series"), column("rate")];
      this.error = "";
      this.at = this.page.now();
    } catch (error) {
      this.error = error.name === "AbortError" ? "" : error.message;
    }
    this.update();
  }

  update() {
    const { page } = this;
    const test = matcher(this.field.value);
    const shown = page.fleet.families.filter(({ name, type, help }) => test(`${name} ${type} ${help}`));
    const most = { series: this._count, rate: this._rate }[page.route.query.sort];
    if (most) shown.sort((one, other) => (most(other) || 0) - (most(one) || 0));
    put(
      this.body,
      shown.slice(0, MOST_FAMILIES).map((family) =>
        h(
          "tr",
          h("td", h("a.path", { href: toPlace(page.route, page.route.path, "overview", { m: family.name, by: "" }), "data-key": family.name }, breakable(family.name))),
          h("td.quiet.wide", family.type),
          h("td.quiet.wide", family.unit),
          h("td.number.quiet", count(this._count(family))),
          h("td.number", this._rateOf(family)),
          h("td.note.roomy", family.help),
          h("td.note.unlike", this._unlike(family)),
        ),
      ),
    );
    put(this.rest, failed(page.fleet.errors.families || this.error, this.at) ?? (shown.length > MOST_FAMILIES ? `first ${count(MOST_FAMILIES)} of ${count(shown.length)}` : `${count(shown.length)} of ${count(page.fleet.families.length)} families`));
  }

  _count = ({ name }) => this.series.get(name) ?? this.series.get(`${name}_count`) ?? NaN;
  _rate = ({ name, type }) => (type === "gauge" ? NaN : (this.rates.get(type === "histogram" ? `${name}_count` : name) ?? NaN));

  _rateOf(family) {
    const rate = this._rate(family);
    if (Number.isNaN(rate)) return "";
    const [text, unit] = figure(rate, family.type === "histogram" ? "/s" : unitOf(family.name, family.type));
    return [text, " ", h("span.unit", unit)];
  }

  /** The children with values unlike their siblings', and the places whose nodes describe it in another way. */
  _unlike({ name }) {
    const [first, ...others] = this.odd.get(name) ?? [];
    if (!first) return this._conflict(name);
    const { path, ratio } = first;
    const more = others.length > 0 && h("span", { title: others.map((one) => one.path).join("\n") }, ` and ${count(others.length)} more`);
    return [h("span", h("a.mono.bad", { href: toPlace(this.page.route, path, "overview", { m: name }) }, shortened(path)), Number.isFinite(ratio) ? ` ${twoDigits(ratio)} × siblings` : " alone", more, " "), this._conflict(name)];
  }

  _conflict(name) {
    const [shown, ...others] = this.conflicts.get(name) ?? [];
    if (!others.length) return "";
    const paths = others.flatMap(({ paths: live, counted_at: counted }) => (live.length ? live : counted));
    const more = others.reduce((sum, { nodes }) => sum + nodes, 0) - 1;
    const what = ["type", "unit", "help", "rollup", "bounds"].filter((part) => others.some((one) => String(one[part]) !== String(shown[part])));
    return h("span", { title: paths.join("\n") }, h("span.warn", "▲ "), paths[0] && h("a.mono", { href: toPlace(this.page.route, paths[0]) }, shortened(paths[0])), more > 0 && ` and ${count(more)} more`, h("span.label", ` other ${what.join(", ")}`));
  }

  /** As the page has them, or those with the most first. */
  _order() {
    this.page.note({ sort: after(["", "series", "rate"], this.page.route.query.sort ?? "") });
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
