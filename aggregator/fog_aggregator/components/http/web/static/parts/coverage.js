// The bar and its five states: what a number stands on. Zero is grey, unknown is a dash.
import { h } from "../base/dom.js";
import { count, share } from "../base/numbers.js";

/** The states that are always shown; nodes that nobody reads only where there are some. */
const ALWAYS = ["live", "stale", "departed", "missing", "quarantined"];
export const SHOWN = [...ALWAYS, "unread"];

/** The states to show of some nodes, by how many are of each. */
export const shownOf = (nodes) => SHOWN.filter((state) => ALWAYS.includes(state) || nodes?.[state]);

/** How many are known and expected: those that ended in good order are not. */
export const known = (nodes) => SHOWN.reduce((sum, state) => sum + (nodes[state] ?? 0), 0);

/** @param {Record<string, number> | null} nodes @param {{where?: (state: string) => string}} [options] */
export function coverage(nodes, { where } = {}) {
  const all = nodes ? known(nodes) : 0;
  const bar = nodes ? SHOWN.filter((state) => nodes[state]).map((state) => h("i", { class: state, css: { "flex-grow": nodes[state] } })) : [];
  return h(
    "div",
    h("div.bar", { "aria-hidden": "true" }, bar),
    h(
      "dl.figures",
      shownOf(nodes).map((state) => {
        const number = nodes ? (nodes[state] ?? 0) : null;
        return h(
          "div",
          h("dt", h("i", { class: `swatch ${state}` }), ` ${state}`),
          h("dd", { class: number ? "" : "zero" }, number && where && state !== "live" ? h("a", { href: where(state) }, count(number)) : count(number ?? NaN)),
        );
      }),
      h("div", h("dt", "numbers stand on"), h("dd", { class: all ? "" : "zero" }, nodes ? share(nodes.live ?? 0, all) : "–")),
    ),
  );
}
