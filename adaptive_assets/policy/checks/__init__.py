"""The checks of a policy book that no schema can make, one module for each subject."""
