"""Keep the totals of the fleet at every step of the streams' time, in memory and on disk."""
