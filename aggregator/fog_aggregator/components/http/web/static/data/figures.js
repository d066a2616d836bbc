// The footer's figures: what the aggregator says of itself, and what was lost in the hour. One query in a minute.
import { instant } from "./api.js";
import { digits, span } from "../base/numbers.js";

const FIGURES_S = 60;
const RATE = "sum(rate(fog_aggregator_frames_total[1m]))";
const CHECKPOINT = "fog_aggregator_checkpoint_age_seconds";

export class Figures {
  constructor() {
    this.told = {};
    /** @type {{name: string, value: number}[] | null} */
    this.losses = null;
    this.asked = 0;
  }

  /** @param {any} status @param {number} now */
  async take(status, now) {
    if (!status.ready || now - this.asked < FIGURES_S || document.hidden) return;
    this.asked = now;
    const one = (query) => instant(query).then((rows) => rows[0]?.value, () => undefined);
    const [rate, age] = await Promise.all([one(RATE), one(CHECKPOINT)]);
    this.told = { frames: rate === undefined ? undefined : digits(rate), checkpoint: age === undefined ? undefined : span(age) };
    this.losses = await losses(status).catch(() => null);
  }
}

/** What was lost in the hour, by the metrics that the aggregator says are losses. */
async function losses(status) {
  const names = status.losses ?? [];
  if (!names.length) return null;
  const rows = await instant(`sum by (__name__) (increase({__name__=~"${names.join("|")}"}[1h]))`);
  return rows.map(({ labels, value }) => ({ name: labels.__name__.replace(/^fog_(aggregator_)?|_total$/g, ""), value: Math.round(value) }));
}
