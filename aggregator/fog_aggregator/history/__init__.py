"""The history of the fleet's totals: steps in columnar blocks, and the views that a selector names. Pure."""
