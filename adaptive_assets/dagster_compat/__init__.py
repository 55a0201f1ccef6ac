"""Every private Dagster name that this project relies on, by what it is for.

Each has a test of its own against the installed Dagster, so that an upgrade which moves one of them fails
there and not in production. Nothing else in the project imports from ``dagster._*``.
"""
