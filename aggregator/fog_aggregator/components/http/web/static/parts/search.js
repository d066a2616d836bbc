// Search: places, alerts and metrics; a glob or any part of a name. Typing never waits for drawing.
import { h, key, put } from "../base/dom.js";
import { count } from "../base/numbers.js";
import { matcher } from "../base/paths.js";
import { toPlace } from "../base/route.js";

const MOST_FOUND = 8;
const SEARCH_MS = 15;

/** Places that match, the shallow ones first: at most this many are listed, all are marked. @returns {number[]} */
export function places(tree, text, most = 2000) {
  if (!tree || !text) return [];
  const test = text.includes("/") ? tests(tree, text) : byName(tree, matcher(text));
  const found = [];
  for (let place = 0; place < tree.size && found.length < most; place += 1) if (test(place)) found.push(place);
  return found;
}

const byName = (tree, test) => (place) => test(tree.names[place]);

/** Of a path: without its being written out for each place, but for a pattern. */
function tests(tree, text) {
  if (/[*?]/.test(text) || tree.under.includes("/")) {
    const test = matcher(text);
    return (place) => test(tree.paths[place]);
  }
  const parts = text.toLowerCase().split("/");
  const last = parts.length - 1;
  const matched = new Uint8Array(tree.size);
  const name = (place) => tree.names[place].toLowerCase();
  const fits = (place) => {
    if (!name(place).startsWith(parts[last])) return false;
    let at = tree.parent[place];
    for (let part = last - 1; part > 0; part -= 1, at = tree.parent[at]) if (at < 0 || name(at) !== parts[part]) return false;
    return at >= 0 && name(at).endsWith(parts[0]);
  };
  return (place) => {
    const above = tree.parent[place];
    if ((above >= 0 && matched[above]) || fits(place)) matched[place] = 1;
    return matched[place] === 1;
  };
}

export class Search {
  /** @param {HTMLElement} element @param {{fleet: any, route: () => any, go: (address: string) => void, mark: (places: number[]) => void}} options */
  constructor(element, options) {
    this.options = options;
    this.chosen = 0;
    this.items = [];
    this.field = h("input", { type: "search", placeholder: "⌕ Path, node, metric or alert", "aria-label": "Search (/)", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "false", "aria-controls": "results", oninput: () => this._later(), onkeydown: (event) => this._press(event), onfocus: () => this._later() });
    this.list = h("div.results", { id: "results", hidden: true });
    element.append(this.field, key("/"), this.list);
    document.addEventListener("pointerdown", (event) => { if (!element.contains(/** @type {Node} */ (event.target))) this.close(); });
  }

  open() {
    document.body.classList.add("finding");
    this.field.focus();
    /** @type {HTMLInputElement} */ (this.field).select();
  }

  close() {
    clearTimeout(this.timer);
    document.body.classList.remove("finding");
    if (this.list.hidden) return;
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.options.mark([]);
  }

  _later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this._find(), SEARCH_MS);
  }

  _find() {
    const text = /** @type {HTMLInputElement} */ (this.field).value.trim();
    if (!text) {
      this.list.hidden = true;
      this.options.mark([]);
      return;
    }
    const { fleet, route } = this.options;
    const test = matcher(text);
    const hits = places(fleet.tree, text);
    const alerts = fleet.problems.filter(({ title, path }) => test(`${title} ${path}`));
    const metrics = fleet.families.filter(({ name }) => test(name));
    this.chosen = 0;
    this.items = [];
    const item = (address, ...content) => {
      const place = this.items.push(address) - 1;
      return h("li", { role: "option", "aria-selected": String(place === 0), onclick: () => this._take(place) }, content);
    };
    put(
      this.list,
      heading("Places", hits.length ? `${count(hits.length)}${hits.length === 2000 ? " or more" : ""} match, marked on the map` : "none match"),
      h("ul", { role: "listbox" }, hits.slice(0, MOST_FOUND).map((place) => item(toPlace(route(), fleet.tree.path(place)), h("span.path", marked(fleet.tree.path(place), text)), h("span.label", told(fleet.tree, place))))),
      heading("Alerts", alerts.length ? "" : "none match"),
      h("ul", alerts.slice(0, MOST_FOUND).map((problem) => item(toPlace(route(), problem.path), h("span", problem.title, " ", h("span.path", problem.path)), h("span.label", problem.severity)))),
      heading("Metrics", metrics.length ? "" : "none match"),
      h("ul", metrics.slice(0, MOST_FOUND).map((family) => item(toPlace(route(), route().path, "overview", { m: family.name }), h("span.path", marked(family.name, text)), h("span.label", family.type)))),
    );
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.timer = setTimeout(() => this.options.mark(hits)); // the list is seen before the map is drawn anew
  }

  _press(event) {
    if (event.key === "Escape") {
      this.close();
      this.field.blur();
    } else if (event.key === "Enter") {
      this._take(this.chosen);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.chosen = Math.max(0, Math.min(this.items.length - 1, this.chosen + (event.key === "ArrowDown" ? 1 : -1)));
      this.list.querySelectorAll("li").forEach((item, place) => item.setAttribute("aria-selected", String(place === this.chosen)));
    }
  }

  _take(place) {
    if (this.items[place] === undefined) return;
    this.close();
    this.field.blur();
    this.options.go(this.items[place]);
  }
}

const heading = (title, note) => h("p.label.heading", h("span", title), h("span", note));

function told(tree, place) {
  const live = tree.of(place, "live");
  if (!tree.children[place]) return tree.stateOf(place);
  return live === tree.nodes[place] ? `${count(live)} nodes, all live` : `${count(live)} of ${count(tree.nodes[place])} live`;
}

function marked(text, part) {
  const from = text.toLowerCase().indexOf(part.toLowerCase());
  return from < 0 || !part ? text : [text.slice(0, from), h("mark", text.slice(from, from + part.length)), text.slice(from + part.length)];
}
