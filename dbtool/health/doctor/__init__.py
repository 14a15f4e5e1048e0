"""The slow hygiene of a database: what will hurt one day, read in one question."""
