"""What a simulation measured, and planners compared by it."""
