"""Tell of metrics: in which words their writers describe a family, and which of several families is shown."""
