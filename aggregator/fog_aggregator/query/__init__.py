"""The one read side (pure): a selection and a grouping of the fleet, as an immutable view."""
