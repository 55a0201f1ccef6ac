"""What would have been different, had the coordinator acted while it only observed."""
