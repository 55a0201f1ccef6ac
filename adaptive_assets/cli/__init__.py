"""The command line, ``adaptive``: it reads the instance, policy file and ledger that the coordinator reads.

Each command gathers a frozen value and then prints it, as text for people or as JSON for programs.  What is
heavy (Dagster, the ledger) is imported by the command that needs it, so that ``adaptive --help`` is quick.
"""
