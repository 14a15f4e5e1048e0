"""What waits while something begins that nobody could end yet."""

import signal

import pytest

from tests.processes import python

BEHIND = """
import signal, sys
from dbtool.cli.app import _interrupt_on_signals
from dbtool.interrupts import uninterrupted
number, background = map(int, sys.argv[1:])
if background:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
_interrupt_on_signals()
handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
try:
    with uninterrupted(), uninterrupted():
        signal.raise_signal(number)
        print("whole")
except KeyboardInterrupt:
    print("interrupted")
assert handlers == [
    signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
]
"""


@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_waits_for_what_begins(number: signal.Signals, background: bool) -> None:
    """So does a termination or a hang-up, also in the background, where Ctrl-C is ignored."""
    out, err = python(BEHIND, int(number), int(background)).communicate(timeout=60)
    ignored = background and number == signal.SIGINT
    assert (out, err) == ("whole\n" + ("" if ignored else "interrupted\n"), "")


LEFT_INSTALLED = """
import signal
from dbtool.interrupts import uninterrupted
heard = []
signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
with uninterrupted():
    waits = signal.getsignal(signal.SIGTERM)
signal.signal(signal.SIGTERM, waits)
signal.raise_signal(signal.SIGTERM)
print(heard == [signal.SIGTERM])
"""


def test_what_still_stands_behind_the_block_hides_no_signal() -> None:
    """An exception of one handler may come between the others' ends."""
    assert python(LEFT_INSTALLED).communicate(timeout=60) == ("True\n", "")


EARLY = """
import signal, sys
from dbtool.cli import app, failing, output
if sys.argv.pop(1) == "while it starts":
    output.prepare_streams = lambda: signal.raise_signal(signal.SIGINT)
else:
    app._dispatch = failing.fail = lambda *_: signal.raise_signal(signal.SIGTERM)
app.main()
"""


@pytest.mark.parametrize("when", ["while it starts", "twice"])
def test_an_interrupt_that_nobody_waits_for(when: str) -> None:
    """Nothing was begun yet, or what winds up is interrupted too: it ends without a traceback."""
    process = python(EARLY, when, "heads")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130
