"""The past of nodes and subtrees, read from the stream when somebody asks."""
