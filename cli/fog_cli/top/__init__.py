"""`fog top`: the operators' page in a terminal."""
