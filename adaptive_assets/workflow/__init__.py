"""The workflow layer: where policies, signals and plans meet Dagster."""
