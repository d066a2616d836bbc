"""Have kernels merge frames once a fleet is large enough for them."""
