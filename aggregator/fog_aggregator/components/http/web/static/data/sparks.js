// Sparklines of an hour: one range query for each metric, asked for at most once a minute.
import { range } from "./api.js";
import { atPlace, expression } from "./queries.js";

const SPARKS_S = 60;

export class Sparks {
  constructor() {
    /** @type {Map<string, Float64Array>} */
    this.changes = new Map();
    /** @type {Map<string, Float64Array>} */
    this.problems = new Map();
    this.asked = new Map();
  }

  /** Ask for what is not there yet, or is old. */
  async load({ changes, problems, path }, span) {
    const due = (name) => span.to - (this.asked.get(name) ?? 0) >= SPARKS_S;
    const jobs = [];
    for (const one of changes) if (due(one.name)) jobs.push(this._ask(this.changes, one.name, one.name, one.query ?? expression(one, atPlace(path), { window: "5m" }), span));
    for (const one of problems) if (one.query && due(one.id)) jobs.push(this._ask(this.problems, one.id, one.id, one.query, span));
    await Promise.all(jobs);
  }

  async _ask(into, name, asked, query, span) {
    this.asked.set(asked, span.to);
    try {
      const { rows } = await range(query, span, { most: 60 });
      if (rows.length) into.set(name, rows[0].values);
    } catch {
      // Without one the line still says what is wrong.
    }
  }
}
