// Keys, and the sheet that lists them. They do nothing while somebody types, nor with a modifier.
import { h, key } from "../base/dom.js";

export const KEYS = [
  ["/", "search places, nodes, alerts, metrics"],
  ["1 … 9", "select a problem"],
  ["↑ ↓ ← →", "parent, worst child, siblings; rows in tables"],
  ["Enter", "open"],
  ["Backspace", "up"],
  ["g then o n a e m", "overview, nodes, alerts, events, metrics"],
  ["m", "colour by metric"],
  ["f", "filter the table"],
  ["o", "sort the table"],
  ["j / k", "next / previous row"],
  ["w", "why this number"],
  ["s", "silence form"],
  ["y", "copy PromQL; in Nodes: paths"],
  ["c", "copy link; in Nodes: command"],
  ["t", "span of time"],
  ["[ / ]", "span earlier / later"],
  ["Space", "pause the list of events"],
  ["n", "next chart"],
  ["e", "unfold"],
  ["x", "select"],
  ["?", "keys"],
  ["Esc", "close"],
];

/** The sheet of keys. @returns {HTMLDialogElement} */
export function keySheet() {
  const close = () => /** @type {HTMLDialogElement} */ (dialog).close();
  const dialog = h(
    "dialog",
    { "aria-label": "Keys" },
    h("h2", "Keys"),
    h("dl.keys", KEYS.map(([name, does]) => h("div", h("dt", name.split(" ").map((part) => (/^(then|\/|…)$/.test(part) && name.length > 1 ? ` ${part} ` : key(part)))), h("dd", does)))),
    h("button.button", { onclick: close }, "Close ", key("Esc")),
  );
  return /** @type {HTMLDialogElement} */ (dialog);
}

const GO = { o: "overview", n: "nodes", a: "alerts", e: "events", m: "metrics" };

/**
 * Listen to keys.
 * @param {{go: (view: string) => void, press: (key: string, event: KeyboardEvent) => boolean}} to
 */
export function listen({ go, press }) {
  let chord = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof HTMLElement && event.target.closest("input, textarea, select, [contenteditable]");
    if (typing && event.key !== "Escape") return;
    if (chord && Date.now() - chord < 1500 && GO[event.key]) {
      chord = 0;
      event.preventDefault();
      go(GO[event.key]);
      return;
    }
    chord = event.key === "g" ? Date.now() : 0;
    if (!chord && press(event.key, event)) event.preventDefault();
  });
}
