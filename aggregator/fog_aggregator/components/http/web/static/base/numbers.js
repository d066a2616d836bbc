// Numbers, units and times as people read them. 1000-based; rates and measurements have three significant digits.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const BIG = ["", "k", "M", "G", "T", "P", "E"];
const MINUS = "−";

/** A count: 12,941. Unknown is a dash, never 0. */
export const count = (value) => (isNumber(value) ? whole.format(value).replace("-", MINUS) : "–");

const isNumber = (value) => typeof value === "number" && !Number.isNaN(value);

/** Three significant digits, without an exponent: 0.0042, 41.8, 12,941. */
export function digits(value) {
  if (!isNumber(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  const size = Math.abs(value);
  if (size >= 100) return count(value);
  if (size === 0) return "0";
  if (size < 1e-4) return value.toExponential(1).replace("-", MINUS);
  return String(Number(value.toPrecision(3))).replace("-", MINUS);
}

/**
 * The unit of a metric, by the ending of its name.
 * @param {string} name
 * @param {string} [type] counter, gauge or histogram
 */
export function unitOf(name, type = "") {
  const stem = name.replace(/_(total|bucket|sum|count)$/, "");
  const unit = /_bytes$/.test(stem) ? "B" : /_seconds$/.test(stem) ? "s" : /_celsius$/.test(stem) ? "°C" : /_(percent)$/.test(stem) ? "%" : /_ratio$/.test(stem) ? "ratio" : "";
  return type === "counter" ? `${unit}/s` : unit;
}

/** A value with its unit as two texts. @returns {[string, string]} */
export function figure(value, unit = "") {
  if (!isNumber(value)) return ["–", ""];
  if (unit === "ratio") return [digits(value * 100), "%"];
  const base = unit.replace("/s", "");
  const per = unit.endsWith("/s") ? "/s" : "";
  if (base === "s" && !per) return duration(value);
  if (base === "B" || Math.abs(value) >= 1e6) {
    let power = 0;
    let size = value;
    for (; Math.abs(size) >= 1000 && power < BIG.length - 1; power += 1) size /= 1000;
    return [digits(Number(size.toPrecision(3))), `${BIG[power]}${base}${per}`];
  }
  return [digits(value), base + per];
}

/** A duration that was measured: 0.94 s, 12 ms. @returns {[string, string]} */
function duration(seconds) {
  const size = Math.abs(seconds);
  if (size >= 120) return [span(seconds), ""];
  if (size >= 0.1 || size === 0) return [digits(seconds), "s"];
  return size >= 1e-4 ? [digits(seconds * 1e3), "ms"] : [digits(seconds * 1e6), "µs"];
}

/** How long something takes or is away: 48 s, 54 min, 2 h 54 min, 3 d 4 h. */
export function span(seconds) {
  if (!isNumber(seconds)) return "–";
  const size = Math.max(0, Math.abs(seconds));
  if (size < 10) return `${size.toFixed(1)} s`;
  if (size < 100) return `${Math.round(size)} s`;
  const minutes = Math.round(size / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 && hours < 240 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** A change against before: ×4.5 above double, else +22 %. Empty where it cannot be told. */
export function change(now, before) {
  if (!isNumber(now) || !isNumber(before)) return "";
  if (before === 0) return now === 0 ? "0 %" : "new";
  const ratio = now / before;
  if (ratio >= 2) return `×${digits(ratio)}`;
  const percent = (ratio - 1) * 100;
  const size = Math.abs(percent) < 10 ? Number(percent.toFixed(1)) : Math.round(percent);
  return `${percent > 0 ? "+" : percent < 0 ? MINUS : ""}${Math.abs(size)} %`;
}

/** A value beside another one, in two digits at most: 0.12, 0.5, 1.3, 380. */
export const twoDigits = (value) => (value >= 0.095 && value < 9.95 ? value.toFixed(value < 0.3 ? 2 : 1) : digits(Number(value.toPrecision(2))));

/** A share, rounded down: 99.98 % is never 100 %. */
export function share(part, all) {
  if (!isNumber(part) || !isNumber(all) || all === 0) return "–";
  if (part >= all) return "100 %";
  const percent = (part / all) * 100;
  return percent >= 90 ? `${(Math.floor(percent * 10 + 1e-9) / 10).toFixed(1).replace(/\.0$/, "")} %` : `${Math.floor(percent + 1e-9)} %`;
}

const pad = (value, places = 2) => String(value).padStart(places, "0");

/** A time of day, local: 14:13:52, or 14:13, or with milliseconds. */
export function clock(seconds, parts = 3) {
  if (!isNumber(seconds)) return "never";
  const at = new Date(seconds * 1000);
  const all = [pad(at.getHours()), pad(at.getMinutes()), pad(at.getSeconds())].slice(0, Math.min(3, parts)).join(":");
  return parts > 3 ? `${all}.${pad(at.getMilliseconds(), 3)}` : all;
}

/** A moment as a row shows it: the time of today, the date before. */
export function moment(seconds, now) {
  if (!isNumber(seconds)) return "never";
  const at = new Date(seconds * 1000);
  const today = new Date(now * 1000);
  if (at.toDateString() === today.toDateString()) return clock(seconds, 2);
  return `${at.getDate()} ${at.toLocaleString("en", { month: "short" })}${at.getFullYear() === today.getFullYear() ? "" : ` ${at.getFullYear()}`}`;
}

/** A moment in full, with the offset from UTC: for tooltips. */
export function full(seconds) {
  if (!isNumber(seconds)) return "";
  const at = new Date(seconds * 1000);
  const offset = -at.getTimezoneOffset();
  const zone = `UTC${offset < 0 ? MINUS : "+"}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(seconds, 4)} ${zone}`;
}

/** How many of something: 1 node, 12 nodes. */
export const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;
