"""The pure core of an agent: values and time in, frames out."""
