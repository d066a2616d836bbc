"""Tests of the words of the page, as terminals have them."""
