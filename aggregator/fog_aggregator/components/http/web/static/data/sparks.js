// Sparklines of an hour: one range query for all, and for each at most once a minute.
import { isUnder } from "../base/paths.js";
import { ranges } from "./api.js";

const SPARKS_S = 60;
const LONGEST = 3000; // characters of a query: an address has room for a few thousand

export class Sparks {
  constructor() {
    /** @type {Map<string, Float64Array>} */
    this.changes = new Map();
    /** @type {Map<string, Float64Array>} */
    this.problems = new Map();
    this.asked = new Map();
  }

  /** Ask for what is not there yet, or is old: with one question. */
  async load({ changes, problems }, span) {
    const rows = [
      ...changes.map((one) => [this.changes, one.id, one.query, ""]),
      ...problems.map((one) => [this.problems, one.id, one.query, one.path]),
    ].filter(([, name, query]) => query && span.to - (this.asked.get(name) ?? 0) >= SPARKS_S);
    const asked = [];
    for (let length = 0; rows.length && length < LONGEST; length += asked[asked.length - 1][2].length) asked.push(rows.shift());
    if (!asked.length) return;
    for (const [, name] of asked) this.asked.set(name, span.to);
    try {
      const { of } = await ranges(Object.fromEntries(asked.map(([, , query], place) => [place, query])), span, { most: 60 });
      asked.forEach(([into, name, , path], place) => {
        const row = of(String(place)).find(({ labels: { fog_path: at = path } }) => isUnder(at, path)); // a rule's expression is of all places
        if (row) into.set(name, row.values);
      });
    } catch {
      // Without one the line still says what is wrong.
    }
  }
}
