"""Lists of very many places in few bytes, and the places among them that somebody looks for. Pure."""
