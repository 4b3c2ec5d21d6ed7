"""JSON Schemas of the wire objects and of the project's own documents, as package data."""
