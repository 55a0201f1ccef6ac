"""What runs will take, learned from what runs took. Pure: no I/O, no clock, no chance, no Dagster."""

from adaptive_assets.learning.attempts import Attempts
from adaptive_assets.learning.busy_times import BusyTimes
from adaptive_assets.learning.ended_run import EndedRun, Ending, SubmittedRun
from adaptive_assets.learning.learner import Estimator, Learner
from adaptive_assets.learning.tuning import LEARNING, LearningTuning
from adaptive_assets.learning.usage import DecayedUsage

__all__ = [
    "LEARNING",
    "Attempts",
    "BusyTimes",
    "DecayedUsage",
    "EndedRun",
    "Ending",
    "Estimator",
    "Learner",
    "LearningTuning",
    "SubmittedRun",
]
