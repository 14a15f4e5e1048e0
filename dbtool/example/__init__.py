"""The reference shared model package."""
