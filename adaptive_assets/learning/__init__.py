"""What runs will take, learned from what runs took. Pure: no I/O, no clock, no chance, no Dagster."""

from adaptive_assets.learning.declarations import Declarations
from adaptive_assets.learning.learner import Learner
from adaptive_assets.learning.memory_margin import asking_for, having_held, next_asked
from adaptive_assets.learning.observation import Observation
from adaptive_assets.learning.usage import DecayedUsage

__all__ = [
    "DecayedUsage",
    "Declarations",
    "Learner",
    "Observation",
    "asking_for",
    "having_held",
    "next_asked",
]
