"""Questions about the past over HTTP: the collector as it was at a moment, and the difference of two."""
