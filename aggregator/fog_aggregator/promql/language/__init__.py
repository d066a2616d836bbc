"""The language: text that is fenced and parsed into a tree of our own."""
