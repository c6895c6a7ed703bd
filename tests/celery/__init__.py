"""A real Airflow with the CeleryExecutor: two workers, one of which is killed; a batch in shards."""
