"""The pure core: no asyncio, no clock, no logging, no files. Values in, values out."""
