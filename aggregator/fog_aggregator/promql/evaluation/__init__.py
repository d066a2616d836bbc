"""The evaluation of a tree on matrices [series x steps]: pure functions on arrays."""
