"""Run statements in a throwaway database and see what they lock, read, rewrite and wait for."""

from dbtool.observe.observed import Built, Failure, Lock, Observed, Scan
from dbtool.observe.session import SETTINGS, Observer

__all__ = ["SETTINGS", "Built", "Failure", "Lock", "Observed", "Observer", "Scan"]
