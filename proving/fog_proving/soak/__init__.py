"""Run a fog for minutes with one hostile path in it, and watch memory, answers and counts."""
