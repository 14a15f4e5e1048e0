"""Have the server compile (JIT) what it is given to run, but none of our own questions."""

UNCOMPILED = (
    "SELECT pg_catalog.set_config('dbtool.jit', pg_catalog.current_setting('jit'), true);"
    " SET LOCAL jit = off"
)
"""For our questions: they are long, cost much in the planner's eyes and run for a few
milliseconds, where compiling them takes seconds.
"""

AS_BEFORE = (
    "set_config('jit', coalesce(nullif(current_setting('dbtool.jit', true), ''),"
    " current_setting('jit')), true)"
)
"""An expression that gives the statement what it would have had."""
