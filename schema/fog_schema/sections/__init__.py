"""The sections of a body, one module for each kind of value: its fields, its encoding, its decoding and its checks.

`fog_schema.frames.KINDS_OF_VALUE` lists the kinds; `coverage` is about the nodes that a rollup stands on.
"""
