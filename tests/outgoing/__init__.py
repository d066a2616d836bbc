"""Numbers that go out to the receivers of others."""
