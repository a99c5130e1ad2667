"""The specialists that come with the factory: one folder each, found by name."""
