// What stands in place of problems when there are none.
import { h } from "../base/dom.js";
import { count, span } from "../base/numbers.js";
import { known } from "./coverage.js";
import { dayStrip } from "./day.js";
import { sign } from "./events.js";

export function calm(page) {
  const { alerts } = page.fleet;
  if (!alerts) return h("p.body.note", "asking …");
  const [last] = alerts.resolved;
  const [next] = [...alerts.pending].sort((one, other) => one.fires_at - other.fires_at);
  const item = (name, value) => h("li", h("span", name), h("span", value));
  const named = ({ title, path }) => `${title} ${path}`.trim(); // one of the aggregator itself has no place
  const nodes = page.status?.coverage.nodes ?? {};
  const bad = known(nodes) > (nodes.live ?? 0);
  return [
    h("p.body", h("span.named", sign(bad ? "note" : "ended"), h("b", bad ? "Nothing fires" : "Nothing is wrong"))),
    dayStrip(page.day, page.now()),
    h(
      "ul.list",
      item("Last problem", last ? `${named(last)}, ended ${span(page.now() - last.end)} ago` : "none since the aggregator began"),
      item("Nearest to firing", next ? `${named(next)}, in ${span(Math.max(0, next.fires_at - page.now()))}` : "nothing is pending"),
      item("Silenced", count(alerts.silenced.length)),
    ),
  ];
}
