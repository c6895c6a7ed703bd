"""Apache Airflow provider for Aspose.OCR Cloud."""

__version__ = "0.1.0"
