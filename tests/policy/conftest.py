"""Hypothesis without a stopwatch: a test that is slow on a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
