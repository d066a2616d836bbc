// One sentence for a place, and what it stands on.
import { h } from "../base/dom.js";
import { lastOf, tokens } from "../base/paths.js";
import { toPlace } from "../base/route.js";

/** The path as links to all that lies above. */
export function crumbs(route, path) {
  const parts = tokens(path);
  if (!parts.length) return h("span.crumbs", "the fleet");
  return h(
    "span.crumbs",
    parts.map((part, place) => {
      const here = parts.slice(0, place + 1).join("/");
      return [place ? h("span.quiet", " / ") : null, place === parts.length - 1 ? part : h("a", { href: toPlace(route, here) }, part)];
    }),
  );
}

/** What a list is of: a place, or the fleet. */
export const here = (page, what) => h("p", crumbs(page.route, page.route.path || page.fleet.root), h("span.label", ` ${what} at and under this place`));

/**
 * @param {{route: any, path: string, about: string, severity: string, title: string, text: any, side: any, actions?: any[]}} told
 */
export function verdict({ route, path, about, severity, title, text, side, actions = [] }) {
  return h(
    "section.card.verdict.order-1",
    { "data-severity": severity, "aria-label": `Verdict on ${lastOf(path) || "the fleet"}` },
    h(
      "div",
      h("p", crumbs(route, path), h("span.label", about)),
      h("h1", title),
      h("p.note", text),
      actions.length ? h("div.actions", actions) : null,
    ),
    side,
  );
}

const LETTERS = { departed: "departed", stale: "stale", missing: "missing", quarantined: "in quarantine", unread: "below a branch that nobody reads" };

/** What is not live, in words: "12 nodes are stale, 3 missing". */
export function notLive(nodes) {
  const parts = Object.entries(LETTERS).filter(([state]) => nodes[state]);
  return parts.map(([state, word], place) => `${nodes[state].toLocaleString("en")} ${place ? "" : nodes[state] === 1 ? "node is " : "nodes are "}${word}`).join(", ");
}
