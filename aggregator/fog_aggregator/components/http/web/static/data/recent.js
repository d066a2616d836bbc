// The newest events at and under a place: asked for once, and then followed.
import { isUnder } from "../base/paths.js";
import { ask } from "./api.js";

export const MOST_RECENT = 100;

export class Recent {
  /** @param {any} page @param {string} path */
  constructor(page, path) {
    this.path = path;
    this.live = page.live;
    /** @type {any} an answer of api/events, and what came since */
    this.answer = null;
    this.error = "";
    this.at = NaN;
    this.take = ({ detail }) => {
      if (this.answer && isUnder(detail.path, path)) this.answer = { ...this.answer, events: [...this.answer.events, detail].slice(-MOST_RECENT) };
    };
    this.live.addEventListener("event", this.take);
  }

  close() {
    this.live.removeEventListener("event", this.take);
  }

  async load(signal = null) {
    try {
      this.answer = await ask("api/events", { path: this.path, limit: MOST_RECENT }, { signal });
      this.error = "";
      this.at = Date.now() / 1000;
    } catch (error) {
      this.error = error.name === "AbortError" ? "" : error.message;
    }
  }
}
