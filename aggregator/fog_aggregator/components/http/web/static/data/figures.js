// The footer's figures: what the aggregator says of itself, and what was lost in the hour. One query a minute, none while a view opens.
import { instant } from "./api.js";
import { named } from "./queries.js";
import { digits, span } from "../base/numbers.js";

const FIGURES_S = 60;
const LATER_S = 5;
const FIGURES = { frames: "sum(rate(fog_aggregator_frames_total[1m]))", checkpoint: "fog_aggregator_checkpoint_age_seconds" };
/** The counters that METRICS.md calls a loss, without `_total`. */
const LOSSES = [
  "fog_agent_events_lost", "fog_agent_series_refused", "fog_agent_journals_set_aside", "fog_agent_source_errors",
  "fog_agent_statsd_dropped",
  "fog_aggregator_stream_trimmed_messages", "fog_aggregator_values_refused", "fog_aggregator_series_refused",
  "fog_aggregator_memory_refused", "fog_aggregator_values_saturated", "fog_aggregator_epochs_rebased",
  "fog_aggregator_events_refused", "fog_aggregator_events_lost", "fog_aggregator_rollup_series_refused",
  "fog_aggregator_outgoing_steps_dropped",
];
/** Those that are one by a label. */
const SOME = {
  fog_aggregator_frames_refused: 'fog_aggregator_frames_total{outcome=~"too_old|refused"}',
  fog_aggregator_messages_refused: 'fog_aggregator_messages_refused_total{reason!="quarantined"}',
};

export class Figures {
  constructor() {
    this.told = {};
    /** @type {{name: string, value: number}[] | null} */
    this.losses = null;
    this.asked = Infinity;
  }

  /** @param {any} status @param {number} now */
  async take(status, now) {
    if (this.asked === Infinity) this.asked = now - FIGURES_S + LATER_S;
    if (status.path) return; // the aggregator's own series are of the whole fleet
    if (!status.ready || now - this.asked < FIGURES_S || document.hidden) return;
    this.asked = now;
    const lost = { ...Object.fromEntries(LOSSES.map((name) => [name, `${name}_total`])), ...SOME };
    const queries = [...Object.entries(FIGURES), ...Object.entries(lost).map(([name, counter]) => [name, `sum(increase(${counter}[1h]))`])];
    const rows = await instant(queries.map(([name, query]) => named(query, name)).join(" or ")).catch(() => null);
    const values = new Map(rows?.map(({ labels, value }) => [labels.fog_row, value]));
    this.told = { frames: values.has("frames") && digits(values.get("frames")), checkpoint: values.has("checkpoint") && span(values.get("checkpoint")) };
    this.losses = rows && Object.keys(lost).filter((name) => values.get(name) >= 0.5).map((name) => ({ name: name.replace(/^fog_(aggregator_)?/, "").replaceAll("_", " "), value: Math.round(values.get(name)) }));
  }
}
