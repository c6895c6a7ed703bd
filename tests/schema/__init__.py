"""Requests that Schemathesis makes up from the description of the API, and checks of the answers."""
