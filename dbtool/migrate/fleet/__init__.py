"""The same upgrade over many databases, or over many schemas of one."""
