"""DAGs and tasks run in one process without a triggerer, as people try a provider first."""
