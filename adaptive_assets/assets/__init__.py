"""The side of users' code: `adapt()`, checks, contracts, modes and stored versions."""
