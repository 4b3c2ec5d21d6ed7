"""Requests for embeddings as data."""
