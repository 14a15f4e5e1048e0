"""SQL as text and as PostgreSQL's own parser sees it."""
