"""The examples that lead to other systems, against real servers: PostgreSQL, Azurite, an emulator of GCS."""
