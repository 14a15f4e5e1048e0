"""Runs one throwaway server and takes it and its files away once its owner is gone.

Started as a script of its own, so that a killed owner leaves neither a process nor a
directory behind: `supervisor.py DIRECTORY OWNER UID GID PROGRAM [ARGUMENT]...`. The owner
ends it by closing its standard input. What it writes is the server's log. It imports
nothing of dbtool.
"""

import ctypes
import os
import select
import signal
import sys
import time

_PR_SET_PDEATHSIG = 1
_PATIENCE = 5.0


def main(arguments: list[str]) -> int:
    """Run the server until the owner is gone; 1 when the server ended by itself."""
    directory, owner, uid, gid, *program = arguments
    signal.signal(signal.SIGTERM, _leave)
    server = _spawn(program, int(uid), int(gid))
    try:
        while os.getppid() == int(owner):
            if select.select([0], [], [], 0.25)[0]:
                break
            if _ended(server):
                return 1
    except SystemExit:
        pass
    _stop(server)
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
    return 0


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _spawn(program: list[str], uid: int, gid: int) -> int:
    supervisor = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if uid != os.geteuid():
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
        _die_with(supervisor)
        os.execv(program[0], program)
    except OSError as error:
        os.write(2, f"FATAL:  {program[0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _die_with(supervisor: int) -> None:
    """Have the kernel stop the server when even the supervisor is killed; Linux only.

    A change of user clears this request, hence after setuid.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
        if os.getppid() != supervisor:
            raise OSError("the supervisor has ended")


def _ended(server: int) -> bool:
    try:
        return os.waitpid(server, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _stop(server: int) -> None:
    """Immediate shutdown: the data is thrown away, so a checkpoint would be wasted."""
    for number in (signal.SIGQUIT, signal.SIGKILL):
        until = time.monotonic() + _PATIENCE
        if _ended(server):
            return
        os.kill(server, number)
        while time.monotonic() < until:
            if _ended(server):
                return
            time.sleep(0.002)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
