"""Run one statement in a throwaway database and see what it locks, reads and rewrites."""
