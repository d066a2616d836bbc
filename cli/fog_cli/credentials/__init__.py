"""Credentials for a fleet: an operator, an account with a role for each kind of program, users by path.

The keys are nkeys (Ed25519), the documents JWTs as nats-server reads them (decentralised authentication, version 2). A
role is a signing key of the account with a template of permissions; a user signed by it has tags alone, and the server
puts these into the template. So a credential can do no more than its role, whatever is written into it.
"""
