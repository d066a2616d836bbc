"""The screen of `fog top`, pure: answers and keys in, lines of text and effects out."""
