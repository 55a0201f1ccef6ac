"""``adaptive demo``: the command and its report; what is played stands in a checkout, in ``flights.demo``."""
