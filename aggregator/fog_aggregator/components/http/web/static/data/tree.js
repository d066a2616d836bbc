// The fleet's tree as columns: places level by level, so that children are a range and a level is in the order of the map.

export const STATES = ["live", "stale", "departed", "missing", "quarantined", "unread", "ended"];
/** What counts as "not live", the worst first: the order in which a place is filled from below. */
export const NOT_LIVE = ["departed", "quarantined", "stale", "missing", "unread"];
const SHARED = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
const NO_NODE = 255;
/** Numbers of a place beside each other: the states in their order. The sums have those of NOT_LIVE, then all of these, then all nodes. */
export const PLACE_WIDE = 8;
export const ALL_BAD = 5;
export const ALL = 6;
const [STALE, DEPARTED, MISSING, QUARANTINED, UNREAD] = [1, 2, 3, 4, 5];

export class Tree {
  /** @param {any} columns an answer of api/tree?format=columns */
  constructor(columns) {
    this.shape = columns.shape;
    this.under = columns.path;
    this.levels = columns.levels;
    this.size = columns.states.length;
    this.names = namesOf(columns.names, this.size);
    this.offsets = [0];
    for (const places of this.levels) this.offsets.push(this.offsets[this.offsets.length - 1] + places);
    this._link(columns.children);
    this.state = new Uint8Array(this.size);
    /** By place and state: nodes at and under it. */
    this.counts = new Int32Array(this.size * PLACE_WIDE);
    this.nodes = new Int32Array(this.size);
    /** By place and state that is not live: nodes at and under all places before it. */
    this.sums = new Int32Array((this.size + 1) * PLACE_WIDE);
    this.start = new Float64Array(this.size);
    this.wide = new Float64Array(this.size);
    this.total = -1;
    this.update(columns);
  }

  /** Whether another answer is of the same places, so that only its states are new. */
  same(columns) {
    return columns.shape === this.shape;
  }

  /** Take nodes that are in another state. @param {Record<string, string>} nodes @returns {boolean} whether all of them are known */
  change(nodes) {
    for (const [path, state] of Object.entries(nodes)) {
      const place = this.find(path);
      if (place < 0 || !this.hasNode(place) || !state) return false;
      const [before, after] = [this.state[place], STATES.indexOf(state)];
      this.state[place] = after;
      for (let at = place; at >= 0; at = this.parent[at]) {
        this.counts[at * PLACE_WIDE + before] -= 1;
        this.counts[at * PLACE_WIDE + after] += 1;
      }
    }
    this._sum();
    return true;
  }

  /** Take the states of an answer with the same shape. */
  update(columns) {
    this._states(columns.states, columns.letters);
    this._more(columns);
    this.count();
  }

  /** Take what no node of our own stands for: the nodes of branches, and those that are missing below a place. */
  _more({ branches = [], missing = [], unread = [], letters }) {
    const names = Object.values(letters);
    /** Nodes of a branch's own aggregator, by path: what its rollup says of each state. */
    this.branches = new Map(branches.map(({ path, nodes }) => [path, Object.fromEntries(nodes.map((number, place) => [names[place], number]))]));
    this.absent = { missing, unread };
  }

  _link(children) {
    this.parent = new Int32Array(this.size).fill(-1);
    this.first = new Int32Array(this.size + 1);
    this.children = new Int32Array(this.size);
    this.depth = new Uint8Array(this.size);
    let next = this.levels[0] ?? 0;
    for (let level = 0; level < this.levels.length; level += 1) {
      for (let place = this.offsets[level]; place < this.offsets[level + 1]; place += 1) {
        const number = level + 1 < this.levels.length ? children[place] : 0;
        this.depth[place] = level;
        this.first[place] = next;
        this.children[place] = number;
        this.parent.fill(place, next, next + number);
        next += number;
      }
    }
  }

  _states(states, letters) {
    const numbers = new Uint8Array(128).fill(NO_NODE);
    for (const [letter, state] of Object.entries(letters)) if (state) numbers[letter.charCodeAt(0)] = STATES.indexOf(state);
    for (let place = 0; place < this.size; place += 1) this.state[place] = numbers[states.charCodeAt(place)];
  }

  /** Count the nodes of each state at and under each place, from the leaves up. */
  count() {
    const { counts, size, state, parent, children } = this;
    counts.fill(0);
    for (let place = 0; place < size; place += 1) if (state[place] !== NO_NODE) counts[place * PLACE_WIDE + state[place]] = 1;
    const isPlain = this._strangers();
    for (let place = size - 1; place >= 0 && parent[place] >= 0; place -= 1) {
      const above = parent[place] * PLACE_WIDE;
      if (isPlain && !children[place]) {
        if (state[place] !== NO_NODE) counts[above + state[place]] += 1; // most places are a node and nothing else
      } else for (let number = 0; number < STATES.length; number += 1) counts[above + number] += counts[place * PLACE_WIDE + number];
    }
    this._sum();
  }

  /** Count what no node of our own stands for. @returns {boolean} whether there is no such place */
  _strangers() {
    for (const [path, nodes] of this.branches) {
      const place = this.find(path);
      if (place >= 0) STATES.forEach((state, number) => { this.counts[place * PLACE_WIDE + number] = nodes[state] ?? 0; });
    }
    for (const [name, places] of Object.entries(this.absent)) {
      for (const { path, nodes: [number] } of places) {
        const place = this.find(path);
        if (place >= 0) this.counts[place * PLACE_WIDE + STATES.indexOf(name)] += number;
      }
    }
    return !this.branches.size && !Object.values(this.absent).some(({ length }) => length);
  }

  /** Sums over the places before each one, by state: what lies in a range of a level takes two look-ups. */
  _sum() {
    const { counts, sums, size } = this;
    let [live, departed, quarantined, stale, missing, unread] = [0, 0, 0, 0, 0, 0];
    let moved = 0; // bits in which the sum of any place is another one: quicker than a condition
    for (let place = 0, at = 0; place < size; place += 1) {
      live += counts[at];
      stale += counts[at + STALE];
      departed += counts[at + DEPARTED];
      missing += counts[at + MISSING];
      quarantined += counts[at + QUARANTINED];
      unread += counts[at + UNREAD];
      const bad = departed + quarantined + stale + missing + unread;
      at += PLACE_WIDE;
      sums[at] = departed;
      sums[at + 1] = quarantined;
      sums[at + 2] = stale;
      sums[at + 3] = missing;
      sums[at + 4] = unread;
      sums[at + ALL_BAD] = bad;
      moved |= sums[at + ALL] ^ (live + bad);
      sums[at + ALL] = live + bad;
    }
    if (moved || this.total < 0) this._place();
  }

  /** How many nodes of a state that is not live lie in a range of places; of all of these, or all nodes. */
  between(first, next, number) {
    return this.sums[next * PLACE_WIDE + number] - this.sums[first * PLACE_WIDE + number];
  }

  /** How many nodes each place has, where it begins on the map, and how wide it is: children fill their place, each by its nodes. */
  _place() {
    for (let place = 0; place < this.size; place += 1) this.nodes[place] = this.between(place, place + 1, ALL);
    this.total = this._fill(0, this.levels[0] ?? 0, 0, 1);
    for (let place = 0; place < this.size; place += 1) {
      if (!this.children[place]) continue;
      const [first, next] = [this.first[place], this.first[place] + this.children[place]];
      const under = this.between(first, next, ALL);
      this._fill(first, next, this.start[place], under ? this.wide[place] / under : 0);
    }
  }

  _fill(first, next, left, scale) {
    let at = left;
    for (let place = first; place < next; place += 1) {
      this.start[place] = at;
      this.wide[place] = this.nodes[place] * scale;
      at += this.wide[place];
    }
    return at - left;
  }

  /** How many levels a place has, itself the first. */
  levelsAt(place) {
    let levels = 0;
    for (let [from, to] = [place, place + 1]; from < to; [from, to] = [this.first[from], this.first[to - 1] + this.children[to - 1]]) levels += 1;
    return levels;
  }

  /** The width of a place, where a node at the top level is 1. */
  width(place) {
    return this.wide[place];
  }

  hasNode(place) {
    return this.state[place] !== NO_NODE;
  }

  /** The state of a place's own node; empty without one. */
  stateOf(place) {
    return this.state[place] === NO_NODE ? "" : STATES[this.state[place]];
  }

  /** How many nodes at and under a place are of a state. */
  of(place, state) {
    return this.counts[place * PLACE_WIDE + STATES.indexOf(state)];
  }

  /** The nodes by state, as /api/status has them. */
  coverage(place) {
    return Object.fromEntries(STATES.map((state, number) => [state, this.counts[place * PLACE_WIDE + number]]));
  }

  /** @returns {string} */
  path(place) {
    const parts = [];
    for (let at = place; at >= 0; at = this.parent[at]) parts.push(this.names[at]);
    const above = this.under.includes("/") ? this.under.slice(0, this.under.lastIndexOf("/") + 1) : "";
    return above + parts.reverse().join("/");
  }

  /** All paths, made once: what is searched. @returns {string[]} */
  get paths() {
    if (!this.written) {
      this.written = new Array(this.size);
      for (let place = 0; place < this.size; place += 1) this.written[place] = this.parent[place] < 0 ? this.path(place) : `${this.written[this.parent[place]]}/${this.names[place]}`;
    }
    return this.written;
  }

  /** Find a place; -1 where there is none. */
  find(path) {
    const above = this.under.includes("/") ? this.under.slice(0, this.under.lastIndexOf("/") + 1) : "";
    if (!path || !path.startsWith(above)) return -1;
    const parts = path.slice(above.length).split("/");
    let [low, high] = [0, this.levels[0] ?? 0];
    let found = -1;
    for (const part of parts) {
      found = this._named(part, low, high);
      if (found < 0) return -1;
      [low, high] = [this.first[found], this.first[found] + this.children[found]];
    }
    return found;
  }

  _named(name, low, high) {
    let [from, to] = [low, high];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.names[middle] < name) from = middle + 1;
      else to = middle;
    }
    return from < high && this.names[from] === name ? from : -1;
  }

  /** The children of a place; of -1 those at the top. @returns {number[]} */
  childrenOf(place) {
    const [from, number] = place < 0 ? [0, this.levels[0] ?? 0] : [this.first[place], this.children[place]];
    return Array.from({ length: number }, (_, index) => from + index);
  }

  /** The first place of a level that begins at a position or right of it. */
  from(level, position) {
    let [low, high] = [this.offsets[level], this.offsets[level + 1]];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.start[middle] < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The place of a level at a position from the left, in nodes; -1 where no place is. */
  hit(level, position) {
    const from = this.offsets[level];
    const low = this.from(level, position + 1e-9);
    for (let place = low - 1; place >= from; place -= 1) {
      if (position < this.start[place] + this.width(place)) return position >= this.start[place] ? place : -1;
      if (this.width(place) > 0) return -1;
    }
    return -1;
  }
}

function namesOf({ shared, rests }, size) {
  const names = rests.split(",");
  const lengths = new Uint8Array(128);
  for (let number = 0; number < SHARED.length; number += 1) lengths[SHARED.charCodeAt(number)] = number;
  for (let place = 1; place < size; place += 1) {
    const length = lengths[shared.charCodeAt(place)];
    if (length) names[place] = names[place - 1].slice(0, length) + names[place];
  }
  return size ? names : [];
}

/** The values of a layer: one for each place; NaN without one. */
export function layerOf({ type, scale, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  if (type === "float32") return new Float32Array(bytes.buffer).map((value) => value * scale);
  const halves = new Uint16Array(bytes.buffer);
  const values = new Float32Array(halves.length);
  for (let place = 0; place < halves.length; place += 1) values[place] = half(halves[place]) * scale;
  return values;
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const power = (bits >> 10) & 31;
  const rest = bits & 1023;
  if (power === 31) return rest ? NaN : sign * Infinity;
  return sign * (power ? 2 ** (power - 25) * (1024 + rest) : rest * 2 ** -24);
}
