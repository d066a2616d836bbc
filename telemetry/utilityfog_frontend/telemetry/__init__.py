"""Instruments, collector, events and exporters of one process. Standard library only."""
