"""PostgreSQL servers of our own: throwaway ones, clones, and the project's development server."""
