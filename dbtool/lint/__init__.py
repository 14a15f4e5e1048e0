"""Judge what migrations will do to a live database before they do it."""
