// Work that is not begun again while it is still under way, and work that is done a part at a time.

/**
 * @template {any[]} T
 * @param {(...given: T) => Promise<void>} work
 * @returns {(...given: T) => Promise<void>} the same, which does nothing while the work is under way
 */
export function once(work) {
  let busy = false;
  return async (...given) => {
    if (busy) return;
    busy = true;
    try {
      await work(...given);
    } finally {
      busy = false;
    }
  };
}

/** One part of what a view shows is asked for anew so often, in milliseconds. */
export const EVERY = 10_000;

/** Do all of some jobs, or the next one alone: so that an open view asks one question at a time. */
export class Rounds {
  turn = 0;

  /** @param {(() => Promise<any>)[]} jobs @param {boolean} all */
  async run(jobs, all) {
    await Promise.all((all ? jobs : [jobs[this.turn % jobs.length]]).map((job) => job()));
    this.turn += all ? 0 : 1;
  }
}
