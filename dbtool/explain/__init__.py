"""EXPLAIN ANALYZE of supplied queries: run safely, judged by rules over plan nodes."""
