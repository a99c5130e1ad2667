"""All that registering imports, and what it reads of the base: for the process that others are forked from."""

import alembic.command
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import pyarrow.dataset
import safetensors.torch

import factory.registry
from tests.products import offered

__all__ = ["alembic", "factory", "mlflow", "pyarrow", "safetensors"]

offered()
