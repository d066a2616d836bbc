// The map's other colours: a metric's mean, or its ratio to the siblings.
import { colours, diverging, inkOn, ramp } from "./colours.js";

const SHADES = 128;
/** So many places are looked at to find the range of a metric. */
const SAMPLE = 5000;

const FEW_VALUES = 32;
const scratch = new Float64Array(FEW_VALUES);

/** Median of what is a number; NaN of nothing. @param {ArrayLike<number>} values */
export function median(values) {
  let number = 0;
  const sorted = values.length > FEW_VALUES ? new Float64Array(values.length) : scratch;
  for (let place = 0; place < values.length; place += 1) {
    const value = values[place];
    if (Number.isNaN(value)) continue;
    let at = number;
    // Few are put into their places as they come: that is what most parents have.
    if (sorted === scratch) for (; at > 0 && sorted[at - 1] > value; at -= 1) sorted[at] = sorted[at - 1];
    sorted[at] = value;
    number += 1;
  }
  if (sorted !== scratch) sorted.subarray(0, number).sort();
  const middle = number >> 1;
  return !number ? NaN : number % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Means of the values at and under each place, and the largest value there. */
export class Means {
  /** @param {import("../data/tree.js").Tree} tree @param {Float32Array} values one for each place */
  constructor(tree, values) {
    this.tree = tree;
    this.sums = new Float64Array(tree.size);
    this.numbers = new Float64Array(tree.size);
    this.most = new Float64Array(tree.size).fill(-Infinity);
    for (let place = tree.size - 1; place >= 0; place -= 1) {
      const value = values[place];
      if (Number.isFinite(value)) {
        this.sums[place] += value;
        this.numbers[place] += 1;
        this.most[place] = Math.max(this.most[place], value);
      }
      const parent = tree.parent[place];
      if (parent < 0) continue;
      this.sums[parent] += this.sums[place];
      this.numbers[parent] += this.numbers[place];
      this.most[parent] = Math.max(this.most[parent], this.most[place]);
    }
    this.all = this.sums.map((sum, place) => sum / this.numbers[place]);
    this.before = before(this.sums);
    this.counted = before(this.numbers);
  }

  mean(place) {
    return this.all[place];
  }

  meanOf(first, next) {
    const number = this.counted[next] - this.counted[first];
    return number ? (this.before[next] - this.before[first]) / number : NaN;
  }

  /** The median of a place's siblings, of four others at least; else NaN. */
  siblings(place) {
    const { tree } = this;
    const others = tree.childrenOf(tree.parent[place]).filter((other) => other !== place);
    return others.length < 4 ? NaN : median(others.map((other) => this.mean(other)));
  }
}

function before(values) {
  const sums = new Float64Array(values.length + 1);
  for (let place = 0; place < values.length; place += 1) sums[place + 1] = sums[place] + values[place];
  return sums;
}

/** Colours of shares from 0 to 1, mixed once for each scheme; of no number the colour of no value. */
function shades(make) {
  let ground = "";
  let table = [];
  return (share) => {
    if (ground !== colours().bg) {
      ground = colours().bg;
      table = Array.from({ length: SHADES + 1 }, (_, step) => make(step / SHADES));
    }
    return table[Math.round(Math.max(0, Math.min(1, share)) * SHADES)] ?? colours().badge;
  };
}

/** Colours by the mean of a metric. */
export function byMetric(means) {
  const every = Math.ceil(means.tree.size / SAMPLE);
  const all = means.all.filter((mean, place) => place % every === 0 && !Number.isNaN(mean)).sort();
  const [low, high] = [Math.min(0, all[0] ?? 0), all[Math.floor(all.length * 0.995)] ?? 1];
  const share = (value) => (value - low) / (high - low || 1);
  const shade = shades(ramp);
  const of = (value) => shade(share(value));
  return {
    low,
    high,
    of: (place) => of(means.mean(place)),
    range: (first, next) => of(means.meanOf(first, next)),
    ink: (place) => inkOn(of(means.mean(place))),
    mark: (place) => (means.tree.children[place] && share(means.most[place]) - share(means.mean(place)) > 0.4 ? ramp(share(means.most[place])) : null),
  };
}

/** Colours by the ratio to the siblings' median; worked out once for each parent. */
export function byRatio(means) {
  const { tree } = means;
  const ratios = new Float32Array(tree.size).fill(NaN);
  const take = (first, number) => {
    if (number < 5) return;
    const middle = median(means.all.subarray(first, first + number));
    for (let place = first; place < first + number; place += 1) ratios[place] = means.all[place] / middle;
  };
  take(0, tree.levels[0] ?? 0);
  for (let place = 0; place < tree.size; place += 1) take(tree.first[place], tree.children[place]);
  const shade = shades((part) => diverging(2 ** (part * 10 - 5)));
  const of = (ratio) => shade((Math.log2(Math.max(0, ratio)) + 5) / 10);
  return {
    of: (place) => of(ratios[place]),
    range: (first, next) => {
      let [found, size] = [NaN, 0];
      for (let place = first; place < next; place += 1) {
        const ratio = ratios[place];
        const away = ratio < 1 ? 1 / ratio : ratio;
        if (away > size) [found, size] = [ratio, away];
      }
      return of(found);
    },
    ink: (place) => inkOn(of(ratios[place])),
  };
}
