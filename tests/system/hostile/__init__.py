"""A service that sends what no service should, to many tasks of a real Airflow at the same time."""
