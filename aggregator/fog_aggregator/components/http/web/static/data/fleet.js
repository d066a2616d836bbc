// What the page knows of the fleet: its tree, its alerts, its families. One of each for all views.
import { ask } from "./api.js";
import { readAlerts } from "./problems.js";
import { Tree } from "./tree.js";

/** Metrics that programs and our own tools have of themselves. */
export const OWN = /^(fog_|telemetry_|process_|python_|node_|go_)/;
export const NOT_KEPT = "No past is kept of";
const BRANCHES_MS = 10_000; // nothing tells of what a branch has: it is asked for so often
const TYPES = ["counter", "histogram", "gauge"];

export class Fleet extends EventTarget {
  /** @param {import("./live.js").Live} live */
  constructor(live) {
    super();
    this.live = live;
    /** @type {Tree | null} */
    this.tree = null;
    /** @type {any} */
    this.alerts = null;
    /** @type {{name: string, type: string, help: string, unit: string}[]} */
    this.families = [];
    /** When each of them was heard last. @type {Record<string, number>} */
    this.at = {};
    this.errors = { tree: "", alerts: "", families: "" };
    this.asking = new Set();
    this.again = new Set();
    this.treeAt = 0;
    live.addEventListener("status", (/** @type {any} */ { detail }) => { if (detail.ready && this.tree?.branches.size && Date.now() - this.treeAt > BRANCHES_MS) this.load("tree"); });
    live.addEventListener("states", (/** @type {any} */ { detail }) => this._changed(detail));
    live.addEventListener("alert", () => this._again());
    live.addEventListener("gap", () => { if (live.status?.ready) this.loadAll(); });
    live.addEventListener("skipped", (/** @type {any} */ { detail }) => { if (detail.kind !== "event" && live.status?.ready) this.loadAll(); });
  }

  _changed({ nodes, ask: again }) {
    if (again || !this.tree?.change(nodes)) this.load("tree");
    else this.dispatchEvent(new CustomEvent("tree"));
    this._again(); // nodes that are not live are among the problems
  }

  _again() {
    if (this.live.status?.ready) this.load("alerts");
  }

  /** Ask for all of it. */
  loadAll() {
    for (const what of ["alerts", "tree", "families"]) this.load(what);
  }

  /** Ask for one part; what is asked while an answer is on its way is asked once more after it. */
  async load(what) {
    if (this.asking.has(what)) {
      this.again.add(what);
      return;
    }
    this.asking.add(what);
    try {
      await { tree: () => this._tree(), alerts: () => this._alerts(), families: () => this._families() }[what]();
      this.errors[what] = "";
      this.at[what] = Date.now() / 1000;
    } catch (error) {
      this.errors[what] = error.message;
    }
    this.asking.delete(what);
    this.dispatchEvent(new CustomEvent(what));
    if (this.again.delete(what)) setTimeout(() => this.load(what), 1000);
  }

  /** Wait for the first answer about a part, which is on its way. */
  first(what) {
    return this[what] ?? new Promise((resolve) => { this.addEventListener(what, resolve, { once: true }); });
  }

  async _tree() {
    this.treeAt = Date.now();
    const columns = await ask("api/tree", { format: "columns" });
    if (this.tree?.same(columns)) this.tree.update(columns);
    else this.tree = new Tree(columns);
  }

  async _alerts() {
    this.alerts = readAlerts(await ask("api/alerts", { limit: 1000 }));
  }

  async _families() {
    const { data } = await ask("api/v1/metadata");
    this.families = Object.entries(data)
      .map(([name, [about]]) => ({ name, type: about.type, help: about.help, unit: about.unit }))
      .filter(({ type }) => ["counter", "gauge", "histogram"].includes(type))
      .sort((one, other) => Number(OWN.test(one.name)) - Number(OWN.test(other.name)) || TYPES.indexOf(one.type) - TYPES.indexOf(other.type) || (one.name < other.name ? -1 : 1));
  }

  /** What is wrong, as far as it is known. @returns {any[]} */
  get problems() {
    return this.alerts?.problems ?? [];
  }

  /** Why there is no past of a level; nothing where there is, and of one that only branches have: theirs is asked for. */
  lacks(level) {
    const kept = this.live.status?.levels_kept ?? [];
    return !kept.length || kept.includes(level) || !this.tree?.levels[level] ? "" : `${NOT_KEPT} level ${level}: it has too many series (--history-series). Levels above have one.`;
  }

  /** A family by its name; a counter's name may be given without what it is. */
  family(name) {
    return this.families.find((family) => family.name === name) ?? null;
  }

  /** The root of the tree that is shown: the only place at the top, or everything. */
  get root() {
    return this.tree && this.tree.levels[0] === 1 ? this.tree.path(0) : "";
  }
}
