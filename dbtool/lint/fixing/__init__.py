"""Write into files what findings propose, where nothing of the meaning hangs on it."""

from dbtool.lint.fixing.plan import Change as Change
from dbtool.lint.fixing.plan import Fixed as Fixed
from dbtool.lint.fixing.plan import Plan as Plan
from dbtool.lint.fixing.plan import Refused as Refused
from dbtool.lint.fixing.plan import fixable as fixable
from dbtool.lint.fixing.plan import plan as plan
from dbtool.lint.fixing.spoken import in_own_language as in_own_language
