"""Read what an aggregator tells as it happens, and its long lists page by page."""
