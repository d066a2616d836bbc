// A part that could not be asked for: why, and of when what stands there is.
import { h } from "../base/dom.js";
import { clock } from "../base/numbers.js";
import { NOT_KEPT } from "../data/fleet.js";

/** What is not there by design is no fault. @param {string | undefined} error @param {number | undefined} at when the last answer came */
export const failed = (error, at, ...more) => (error ? h(error.startsWith(NOT_KEPT) ? "p.body.note" : "p.error", `${error}${at ? `: this is of ${clock(at)}` : ""} `, more) : null);
