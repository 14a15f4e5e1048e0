"""Press Ctrl-C right behind one call of a program, which is where Python raises it."""

from pathlib import Path

from tests.processes import python

_THEN_INTERRUPT = """
import signal, sys
from pathlib import Path
call = sys.argv[1]
def then_interrupt(frame, event, made):
    reads = "r" in str(frame.f_locals.get("mode"))
    if event == "c_return" and made.__qualname__ == call and not reads:
        sys.setprofile(None)
        signal.raise_signal(signal.SIGINT)
"""
BEGIN = "sys.setprofile(then_interrupt)"
"""The line of a program from which on the call counts."""


def interrupted(program: str, call: str, *words: object, directory: Path) -> None:
    """Run it there, with words behind the first of its arguments, and without a call to its end."""
    there = f"import os\nos.chdir({str(directory)!r})\n"
    running = python(there + _THEN_INTERRUPT + program, call, *words, temporary=directory)
    _, err = running.communicate(timeout=60)
    assert err.rstrip().endswith("KeyboardInterrupt" if call else ""), err
    assert (running.returncode == 0) is not bool(call), err
