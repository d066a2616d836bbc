"""The errors of templates."""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be read; the text is Go's, but for functions that are not supported."""


class CallError(Exception):
    """A function that fails on its arguments, in Go's words."""
