"""The answers that the operators' page is made of."""
