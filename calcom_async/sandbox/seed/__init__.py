"""The sample data that every sandbox starts with."""
