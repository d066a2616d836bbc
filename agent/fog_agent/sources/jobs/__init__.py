"""Jobs tell the agent of their machine how they went, over a unix socket, or by files in a spool."""
