// Work that is not begun again while it is still under way.

/** @param {() => Promise<void>} work @returns {() => Promise<void>} the same, which does nothing while the work is under way */
export function once(work) {
  let busy = false;
  return async () => {
    if (busy) return;
    busy = true;
    try {
      await work();
    } finally {
      busy = false;
    }
  };
}

/** What a view shows is asked for anew so often, in milliseconds. */
export const EVERY = 10_000;
