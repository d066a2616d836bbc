"""Take paths out of everything that is shown, on an operator's word, and take them in again (R12.57 to R12.60)."""
