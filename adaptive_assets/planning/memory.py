"""The memory that the runs of one machine take together, as far as it can be foreseen."""

from dataclasses import dataclass
from math import inf, sqrt

from adaptive_assets.planning.resource_request import ResourceRequest
from adaptive_assets.planning.tuning import TUNING, Tuning


@dataclass(slots=True)
class Memory:
    """The sums over the runs of one machine; all in bytes.

    The memory of runs together is predicted twice, and the larger prediction counts: the sum of their 75th
    percentiles, which is cautious where there are many, and the mean of the sum plus some of its standard
    deviations (`Tuning.memory_sigmas`), which is where there are few (N-sigma and percentile-sum of Bashir et
    al., "Take it to the limit: peak prediction-driven resource overcommitment in datacenters", 2021). The
    latter is no more than the sum of their 99th percentiles, and a run alone is no sum: one with a heavy tail
    goes by itself.

    That caution is for runs that stay whatever happens. With those that can be requeued before memory runs
    out (:mod:`.memory_pressure`), it is enough if all together fit on average, and the others in all
    likelihood.
    """

    tuning: Tuning = TUNING
    most_unknown: float = inf
    """What an estimate counts for at the most that is wide for want of evidence, unless its median does: a
    guess is no reason to keep a run waiting until nothing else is left."""
    seen: float = 0.0
    """What runs were seen to hold."""
    mean: float = 0.0
    """Of all runs, as is the next one."""
    variance: float = 0.0
    evictable: int = 0
    staying: int = 0
    """Runs that stay, whose sums are the following."""
    alone: float = 0.0
    shares: float = 0.0
    staying_mean: float = 0.0
    staying_variance: float = 0.0
    highest: float = 0.0
    _together: float | None = None
    """What was predicted of all since the last was counted."""

    def add(self, request: ResourceRequest, used: float = 0.0, to_come: float = 1.0) -> None:
        """Count a run that holds ``used``; ``to_come`` is the share of its growth that may come."""
        *expected, sigma = self._amounts(request)
        variance = (to_come * sigma) ** 2 if used <= expected[0] else 0.0
        alone, share, mean, high = [used + to_come * max(0.0, amount - used) for amount in expected]
        self._together = None
        self.seen += used
        self.mean += mean
        self.variance += variance
        if request.evictable:
            self.evictable += 1
            return
        self.staying += 1
        self.alone += alone
        self.shares += share
        self.staying_mean += mean
        self.staying_variance += variance
        self.highest += high

    def predicted(self) -> float:
        """The peak of all runs together."""
        if self._together is None:
            self._together = self._predicted(None)
        return self._together

    def more(self, request: ResourceRequest) -> float:
        """By how much that peak grows with one more run."""
        return self._predicted(request) - self.predicted()

    def on_average(self, one_more: ResourceRequest | None = None) -> float:
        """The mean of the peak of all runs together, with one more if that is given."""
        return self.mean if one_more is None else self.mean + self._amounts(one_more)[2]

    def _predicted(self, one_more: ResourceRequest | None) -> float:
        runs, alone, shares, mean = self.staying, self.alone, self.shares, self.staying_mean
        variance, highest, evictable = self.staying_variance, self.highest, self.evictable
        average = sigma = 0.0
        if one_more is not None:
            itself, share, average, high, sigma = self._amounts(one_more)
            if one_more.evictable:
                evictable += 1
            else:
                runs, alone, shares, mean = runs + 1, alone + itself, shares + share, mean + average
                variance, highest = variance + sigma**2, highest + high
        cautious = alone
        if runs > 1:
            cautious = max(shares, min(mean + self.tuning.memory_sigmas * sqrt(variance), highest))
        if not evictable:
            return cautious
        all_mean, all_variance = self.mean + average, self.variance + sigma**2
        return max(cautious, all_mean + self.tuning.evictable_sigmas * sqrt(all_variance))

    def _amounts(self, request: ResourceRequest) -> tuple[float, float, float, float, float]:
        """What a run counts for: alone, in a sum, on average, at the most, and its standard deviation."""
        memory = float(request.memory)
        if request.least_memory is None:
            return memory, memory, memory, memory, 0.0
        most = max(request.least_memory, self.most_unknown)
        share, mean, high = request.memory_share, request.mean_memory, request.highest_memory
        sigma = request.memory_sigma
        return (
            min(most, memory),
            most if share is None or share > most else share,
            most if mean is None or mean > most else mean,
            most if high is None or high > most else high,
            min(most, sigma),
        )
