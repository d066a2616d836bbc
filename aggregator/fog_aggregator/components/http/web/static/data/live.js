// The stream of what happens. Where a proxy holds streams up it polls; it says which of the five it is.
import { address, ask } from "./api.js";
import { follow } from "./sse.js";

const BEAT = 2;
const QUIET = 3 * BEAT;
const GONE = 15;
const POLL = 10;
const PATIENCE = 8;
const LONGEST_BACK_OFF = 30;
const WHOLE = 30; // seconds after which all of the status is asked for anew: lags, and what a stream keeps

/**
 * @typedef {"live" | "quiet" | "polling" | "not-ready" | "disconnected"} Connection
 */
export class Live extends EventTarget {
  constructor() {
    super();
    /** @type {any} the newest status */
    this.status = null;
    this.heard = 0;
    this.asked = 0;
    this.nextTry = 0;
    this.backOff = 1;
    this.polling = false;
    this.lastId = "";
    /** @type {AbortController | null} */
    this.following = null;
    this.timer = setInterval(() => this._tick(), 1000);
    document.addEventListener("visibilitychange", () => (document.hidden ? this._close() : this.open()));
  }

  /** What the pill says. @returns {Connection} */
  get connection() {
    const silent = now() - this.heard;
    if (!this.heard || silent >= GONE) return "disconnected";
    if (this.status && !this.status.ready) return "not-ready";
    if (this.polling) return "polling";
    return silent >= QUIET + BEAT ? "quiet" : "live";
  }

  /** Connect, at once. */
  open() {
    this._close();
    if (!this.status) this._poll(); // out of sight too: the page has asked for it, and later the answer would be an old one
    if (document.hidden) return;
    this.following = new AbortController();
    this.opened = now();
    this.nextTry = 0;
    this._follow(this.following);
  }

  _close() {
    this.following?.abort();
    this.following = null;
  }

  async _follow(mine) {
    const take = (kind, data, id) => this._take(kind, data, id);
    let streams = true;
    try {
      await follow(address("api/stream"), { lastId: this.lastId, signal: mine.signal, take });
    } catch (error) {
      streams = !/^status/.test(error.message); // it answers, and by no stream: as many follow as may, or a proxy has none
    }
    if (this.following !== mine) return; // another one has begun, or nobody looks
    this.following = null;
    this.nextTry = now() + this.backOff;
    this.backOff = Math.min(LONGEST_BACK_OFF, this.backOff * 2);
    if (!streams) this.polling = true;
    this._poll();
  }

  _take(kind, data, id) {
    if (id) this.lastId = id;
    this.polling = false;
    this.backOff = 1;
    this._hear();
    this._tell(kind, JSON.parse(data));
  }

  _hear() {
    const away = this.heard ? now() - this.heard : 0;
    this.heard = now();
    if (away >= GONE) this._tell("gap", { reason: "nothing was heard" });
  }

  async _poll() {
    this.asked = now();
    try {
      const status = await ask("api/status");
      this._hear();
      this._tell("status", status);
      if (this.polling) this._tell("gap", { reason: "polled" });
    } catch {
      // The pill and the banner say how long ago it was heard.
    }
    this._tell("beat", {});
  }

  _tick() {
    if (document.hidden) return;
    if (!this.following && now() >= this.nextTry) this.open();
    // Connected, and nothing comes: something in between holds it up.
    else if (this.following && now() - Math.max(this.opened ?? 0, this.polling ? 0 : this.heard) > PATIENCE && !this.polling && now() - this.asked > PATIENCE) {
      if (this.lastId === "") this.polling = true;
      else this.open(); // the one of before is dead, and goes on after the last id
      this._poll();
    }
    if (this.polling && now() - this.asked >= POLL) this._poll();
    this._tell("beat", {});
  }

  _tell(kind, detail) {
    if (kind === "status") {
      const turned = this.status && this.status.ready !== detail.ready;
      if (!this.status && !detail.streams) return; // the stream's is a part of it; all of it is on its way
      detail = this.status = { ...this.status, ...detail };
      if (turned || now() - this.asked > (detail.ready ? WHOLE : BEAT)) this._poll();
    }
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

const now = () => Date.now() / 1000;
