"""The words, signs and numbers of the operators' page, as text: the same in commands and in `fog top`. Pure."""
