"""Planners to compare with: stock Dagster, priority with requests, EASY backfilling, bounds."""
