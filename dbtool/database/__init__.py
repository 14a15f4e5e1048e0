"""The one database that is named: how it is written, how it is reached, what it answers."""
