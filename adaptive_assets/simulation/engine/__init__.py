"""The simulator: its nodes, its queue, its runs, and the clock that moves them."""
