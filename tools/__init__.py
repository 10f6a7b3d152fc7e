"""Generators of documents, and checks of the project's structure."""
