"""Planners to compare with: stock Dagster at its best, priority with requests, EASY backfilling, and bounds."""
