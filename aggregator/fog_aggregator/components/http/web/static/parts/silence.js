// A silence always has an end and a reason. The page shows the command; a button only where the aggregator may do it.
import { command, h, put } from "../base/dom.js";
import { clock } from "../base/numbers.js";
import { isUnder } from "../base/paths.js";
import { ask, order } from "../data/api.js";

const CHOICES = { "30 min": ["30m", 1800], "2 h": ["2h", 7200], "8 h": ["8h", 28800], "24 h": ["24h", 86400] };

/** A word for the shell: in single quotes where it must be, with its own ones escaped. */
export const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** The command that silences an alert at and under a place, or all alerts there. @param {{alert?: string, path: string}} about @param {string} duration @param {string} comment */
export function silenceCommand({ alert, path }, duration, comment) {
  return ["fog silence add", shell(alert || "alertname=~.+"), path && `--path ${shell(path)}`, `--duration ${duration}`, `--comment ${shell(comment)}`].filter(Boolean).join(" ");
}

export class SilenceForm {
  constructor(page, about) {
    this.page = page;
    this.about = about;
    this.choice = "2 h";
    this.failed = false;
    this.sent = "";
    this.reason = h("input", { placeholder: "why, for those who read it later", maxlength: "300", oninput: () => this._draw() });
    this.choices = h("span.group");
    this.ends = h("span.label");
    this.command = h("div");
    this.buttons = h("p");
    this.element = h("div", h("p.field", h("span.label", "Silence for"), this.choices, this.ends), h("label.field", h("span.label", "Reason"), this.reason), this.command, this.buttons);
    this._draw();
  }

  get text() {
    const comment = /** @type {HTMLInputElement} */ (this.reason).value.trim() || "…";
    return silenceCommand(this.about, CHOICES[this.choice][0], comment);
  }

  _draw() {
    put(this.choices, Object.keys(CHOICES).map((name) => h("button", { type: "button", "aria-pressed": String(name === this.choice), "data-key": `for-${name}`, onclick: () => { this.choice = name; this._draw(); } }, name)));
    put(this.ends, `ends ${clock(this.page.now() + CHOICES[this.choice][1], 2)}`);
    put(this.command, command(this.text));
    if (!this.page.status?.can?.includes("silence")) return;
    const reason = /** @type {HTMLInputElement} */ (this.reason).value.trim();
    put(this.buttons, h("button.button.first", { "data-key": "silence", disabled: !reason || this.sent === "sending", onclick: () => this._send(reason) }, `Silence for ${this.choice}`), " ", h("span", { class: this.failed ? "bad" : "label", role: "status" }, this.sent || (reason ? "" : "it needs a reason")));
  }

  async _send(comment) {
    const { alert, path } = this.about;
    this.sent = "sending";
    this._draw();
    try {
      await order("api/silences/add", { alert, path: path || this.page.fleet.root, duration: CHOICES[this.choice][1], comment });
      [this.sent, this.failed] = ["It is silenced, as soon as the command is read.", false]; // the stream tells when
    } catch (error) {
      [this.sent, this.failed] = [error.message, true];
    }
    this._draw();
  }
}

/** The silences over an alert's place that may be of it: why, by whom, until when, and how each is ended. */
export class SilencesOver {
  constructor(page, about) {
    this.page = page;
    this.about = about;
    /** Those whose end was ordered: it is obeyed when the order is read. */
    this.ended = new Set();
    this.element = h("div", h("p.note", "asking …"));
    this.load();
  }

  async load() {
    const { path, alert } = this.about;
    const isOf = ({ name, value, isEqual, isRegex }) => name !== "alertname" || !isEqual || isRegex || value === alert;
    try {
      const found = (await ask("api/silences")).filter((one) => one.status.state === "active" && !this.ended.has(one.id) && (!path || isUnder(path, one.path)) && one.matchers.every(isOf));
      put(this.element, found.map((one) => this._one(one)), !found.length && h("p.note", "No silence over this place is active any more."));
    } catch (error) {
      put(this.element, h("p.error", error.message));
    }
  }

  _one({ id, path, comment, createdBy, endsAt }) {
    const end = this.page.status?.can?.includes("silence") && h("button.button", { "data-key": id, onclick: () => this._end(id) }, "End it");
    return [h("p.note", `“${comment}” by ${createdBy || "somebody"}, until ${clock(Date.parse(endsAt) / 1000, 2)} `, end), command(`fog silence expire ${shell(id)} --path ${shell(path)}`)];
  }

  async _end(id) {
    try {
      await order("api/silences/expire", { id });
      this.ended.add(id);
      this.load();
    } catch (error) {
      put(this.element, h("p.error", error.message));
    }
  }
}

/** The form over a view. */
export function silenceDialog(page, about) {
  const form = new SilenceForm(page, about);
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { "aria-label": "Silence" }, h("h2", `Silence ${about.alert ?? "all alerts"} at ${about.path || "the fleet"}`), form.element, h("button.button", { onclick: () => dialog.close() }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (event.target instanceof HTMLElement) event.target.blur(); // a browser lets go of the field only when it draws: the next key would be typed
    dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}
