"""Tests of notifications: what is owed to whom, and real receivers."""
