"""Questions in PromQL, to a server or to a file."""
