// The sheet that lists the keys.
import { action, h, key } from "../base/dom.js";

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
    action("Close", "Esc", close),
  );
  return /** @type {HTMLDialogElement} */ (dialog);
}
