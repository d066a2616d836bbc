// What the rising children's nodes tell of themselves that the others do not: version, kernel, disk …
import { card, h, put } from "../base/dom.js";
import { share } from "../base/numbers.js";
import { isUnder } from "../base/paths.js";
import { ask } from "../data/api.js";

const FEWEST = 5;
const RISING = 3;
const MOST_SHARED = 6;

export class SharedCard {
  constructor(page, path) {
    this.path = path;
    this.element = h("div.order-4");
  }

  /** @param {import("./children.js").Children} children */
  async load(children, signal) {
    const rising = [...(children.ratios ?? [])].filter(([, ratio]) => ratio >= RISING).map(([path]) => path);
    if (!rising.length || rising.length > 20) {
      put(this.element);
      return;
    }
    let answer;
    try {
      answer = await ask("api/nodes", { path: this.path, limit: 1000 }, { signal });
    } catch {
      return;
    }
    const risen = answer.nodes.filter(({ path }) => rising.some((above) => isUnder(path, above)));
    const others = answer.nodes.filter((node) => !risen.includes(node));
    put(this.element, risen.length < FEWEST || others.length < FEWEST ? null : shown(risen, others));
  }
}

/** Rows of key, value, share of the rising, share of the others; the largest difference first. */
export function differences(risen, others) {
  const found = new Map();
  for (const [nodes, place] of [[risen, 0], [others, 1]]) {
    for (const node of nodes) {
      for (const [name, value] of Object.entries(node.info ?? {})) {
        const key = `${name}\n${value}`;
        if (!found.has(key)) found.set(key, { name, value, shares: [0, 0] });
        found.get(key).shares[place] += 1 / nodes.length;
      }
    }
  }
  return [...found.values()].filter(({ shares }) => shares[0] >= 0.5).sort((one, other) => other.shares[0] - other.shares[1] - (one.shares[0] - one.shares[1]));
}

function shown(risen, others) {
  return card(
    "What the rising nodes share",
    { end: [h("span.label", `${risen.length} of ${risen.length + others.length}, against the other ${others.length}`)] },
    h("ul.list", differences(risen, others).slice(0, MOST_SHARED).map(({ name, value, shares }) => {
      const [one, other] = shares.map((part) => Math.min(1, part));
      return h("li", h("span", h("span.label", `${name} `), h("code", value)), h("span", { class: one - other > 0.5 ? "bad" : "quiet" }, `${share(one, 1)} / ${share(other, 1)}`));
    })),
  );
}
