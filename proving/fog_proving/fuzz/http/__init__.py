"""Questions over HTTP to a whole fog in one process, drawn from its OpenAPI document."""
