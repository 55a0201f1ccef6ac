"""``adaptive demo``: the command and its report.  What it plays is ``flights.demo``, in a checkout."""
