"""A local Aspose.OCR Cloud for development and tests.

Start it from a shell with ``asposeocr-emulator``, or inside a test with ``Emulator`` from
``airflow_provider_asposeocr.emulator.testing``. This module imports nothing, so the package can be imported
without the ``[emulator]`` extra.
"""
