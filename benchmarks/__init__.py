"""Measurements that are run by hand and never as tests: ``make bench``."""
