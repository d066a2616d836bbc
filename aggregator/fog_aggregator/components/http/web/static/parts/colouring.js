// What the map is coloured by: health, a metric, or its ratio to the siblings.
import { h, key } from "../base/dom.js";
import { figure, twoDigits, unitOf } from "../base/numbers.js";
import { ask } from "../data/api.js";
import { layerOf } from "../data/tree.js";
import { byMetric, byRatio, Means } from "../draw/layers.js";

export class Colouring {
  constructor(page) {
    this.page = page;
    this.colour = null;
    this.error = "";
  }

  /** The colour of a tree; none where it was made for other places. */
  of(tree) {
    return this.colour?.tree === tree ? this.colour : null;
  }

  /** Ask for the layer that the address names. */
  async load() {
    const { route, fleet } = this.page;
    const { m, by } = route.query;
    this.error = "";
    if (m) await fleet.first("tree");
    if (!m || by === "health" || !fleet.tree || (fleet.families.length && !fleet.family(m))) {
      this.colour = null;
      return;
    }
    try {
      const answer = await ask("api/tree", { format: "columns", metric: m });
      if (answer.shape !== fleet.tree.shape) return; // the next tree has its places
      const means = new Means(fleet.tree, layerOf(answer));
      const unit = unitOf(m, fleet.family(m)?.type ?? "");
      const chosen = by === "siblings" ? byRatio(means) : byMetric(means);
      const told = (place) => {
        const [mean, middle] = [means.mean(place), means.siblings(place)];
        const beside = Number.isNaN(middle) ? "" : `, ${twoDigits(mean / middle)} × siblings' median ${figure(middle, unit).join(" ")}`;
        return `${m} ${figure(mean, unit).join(" ")}${beside}`;
      };
      const { means_of_level: level } = answer;
      const note = typeof level !== "number" ? "" : `below level ${level}: its means, as no past is kept of single nodes`;
      this.colour = { ...chosen, tree: fleet.tree, told, note, ...(by === "siblings" ? { kind: "ratio", ends: ["÷32", "×32 of the siblings' median"] } : { kind: "metric", ends: [chosen.low, chosen.high].map((end) => figure(end, unit).join(" ")) }) };
    } catch (error) {
      this.colour = null;
      this.error = error.message;
    }
  }
}

/** Buttons over the map, and why it has not the colours that were asked for. @param {any} page @param {string} error */
export function chooser(page, error) {
  const { m, by } = page.route.query;
  const family = m ?? page.fleet.families[0]?.name ?? "";
  const mode = !m || by === "health" ? "health" : by === "siblings" ? "siblings" : "metric";
  const button = (name, text, query, title = null) => h("button", { title, "aria-pressed": String(mode === name), "data-key": `by-${name}`, onclick: () => page.go(page.with(query)) }, text);
  return [
    h("span.label.wide", "colour by"),
    h("span.group", button("health", "health", { m: "", by: "" }), family && button("metric", family, { m: family, by: "" }, family), family && button("siblings", "ratio to siblings", { m: family, by: "siblings" }), h("button", { "data-key": "by-other", onclick: () => page.act.colour() }, "metric… ", key("m"))),
    error && h("span.error", error),
  ];
}
