"""Configuration in, specialists out: one small base, one verified QLoRA adapter per task."""

__version__ = "0.1.0"
