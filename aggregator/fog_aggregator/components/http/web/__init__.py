"""The operators' page: files that a browser is given as they are."""
