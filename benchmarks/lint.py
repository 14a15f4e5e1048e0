"""Linting beside squawk: `python -m benchmarks.lint [FILES]`.

Both judge the same 1,000 files of SQL, and the same statements in one file; whole processes run
in turn and medians are compared. squawk comes from the package index: `uv tool install
squawk-cli`, or name its program in SQUAWK. The last figures are ours alone: statements a second
of processor time, of the whole process and of judging alone; how the time of one file grows with
it; and milliseconds for each statement measured in a throwaway server.
"""

import gc
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

BIN = Path(sys.executable).parent
ROUNDS = 5
STATEMENTS = (
    "CREATE TABLE t{n} (id bigint PRIMARY KEY, name text NOT NULL, total numeric(10, 2));",
    "ALTER TABLE orders ADD COLUMN c{n} integer DEFAULT 0;",
    "CREATE INDEX orders_c{n} ON orders (c{n});",
    "ALTER TABLE orders ADD CONSTRAINT k{n} CHECK (c{n} > 0) NOT VALID;",
    "ALTER TABLE orders VALIDATE CONSTRAINT k{n};",
    "ALTER TABLE orders ALTER COLUMN c{n} TYPE bigint;",
    "UPDATE orders SET c{n} = 1 WHERE c{n} IS NULL;",
    "ALTER TABLE orders DROP COLUMN c{n};",
)
TABLE = """
CREATE TABLE t{n} (id bigint PRIMARY KEY, name text NOT NULL DEFAULT '', total integer, old text);
"""
CHANGES = (
    "ALTER TABLE t{n} ALTER COLUMN name DROP NOT NULL;\n",
    "ALTER TABLE t{n} ALTER COLUMN total SET NOT NULL;\n",
    "CREATE INDEX t{n}_total ON t{n} (total);\n",
    "ALTER TABLE t{n} DROP COLUMN old;\n",
)


def write(directory: Path, count: int) -> Path:
    """So many files, and one file with all of their statements."""
    files = directory / "files"
    files.mkdir()
    texts = []
    for number in range(count):
        texts.append("\n".join(each.format(n=number) for each in STATEMENTS) + "\n")
        (files / f"{number:05d}.sql").write_text(texts[-1])
    (directory / "one.sql").write_text("".join(texts))
    return files


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall and processor time of one run; findings are no failure."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = subprocess.run(command, capture_output=True, check=False)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command[:3])} …: {ran.stderr.decode()[-500:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, spent


def pair(label: str, ours: list[str], theirs: list[str] | None) -> float:
    """Run both in turn, print the medians; returns our processor time."""
    mine, peer = [], []
    for _ in range(ROUNDS):
        mine.append(seconds(ours))
        if theirs:
            peer.append(seconds(theirs))
    wall, spent = (float(median(each)) for each in zip(*mine, strict=True))
    line = f"{label:34} dbtool {wall:6.2f} s ({spent:.2f} s of CPU)"
    if peer:
        other, other_spent = (median(each) for each in zip(*peer, strict=True))
        line += (
            f"   squawk {other:6.2f} s ({other_spent:.2f})   {wall / other:.2f} of its wall time"
        )
    print(line, flush=True)
    return spent


def judging(path: Path) -> float:
    """Statements a second of processor time, without start and report, in this process."""
    from dbtool.lint.run import lint
    from dbtool.sql.files import read
    from dbtool.sql.migration import migration

    rates = []
    gc.disable()
    for _ in range(ROUNDS):
        begun = time.process_time()
        linted = lint([migration(read(path), path.name)])
        rates.append(linted.statements / (time.process_time() - begun))
    gc.enable()
    return float(median(rates))


def growth(place: Path, dbtool: str, count: int) -> None:
    """How the processor time of one file of many tables, all known, grows with their number."""
    spent = []
    for number in (count // 4, count // 2, count):
        schema, script = place / "schema.sql", place / "changes.sql"
        schema.write_text("".join(TABLE.format(n=each) for each in range(number)))
        script.write_text("".join(each.format(n=n) for n in range(number) for each in CHANGES))
        ours = [dbtool, "lint", "--json", "--schema", str(schema), str(script)]
        spent.append(f"{number * len(CHANGES):,} in {seconds(ours)[1]:.2f} s")
    print(f"statements in one file, on a schema that is given: {', '.join(spent)} of CPU")


def main(count: int) -> None:
    """Compare, and print."""
    squawk = os.environ.get("SQUAWK") or shutil.which("squawk")
    dbtool = str(BIN / "dbtool")
    if squawk is None:
        print("squawk is not installed: dbtool alone")
    with TemporaryDirectory() as directory:
        place = Path(directory)
        files = write(place, count)
        names = [str(each) for each in sorted(files.iterdir())]
        pair(
            f"{count:,} files",
            [dbtool, "lint", "--json", *names],
            [squawk, "--reporter", "json", *names] if squawk else None,
        )
        one = str(place / "one.sql")
        spent = pair(
            "one file",
            [dbtool, "lint", "--json", one],
            [squawk, "--reporter", "json", one] if squawk else None,
        )
        print(f"{len(STATEMENTS) * count / spent:,.0f} statements a second of CPU, start included")
        print(f"{judging(Path(one)):,.0f} statements a second of CPU, read, split and judged alone")
        growth(place, dbtool, count)
        few = place / "few.sql"
        few.write_text(
            "CREATE TABLE orders (id bigint);\n"
            + "".join(each.format(n=number) + "\n" for number in range(25) for each in STATEMENTS)
        )
        static, _ = seconds([dbtool, "lint", "--json", str(few)])
        measured, _ = seconds([dbtool, "lint", "--json", "--measure", str(few)])
        each = (measured - static) / (25 * len(STATEMENTS)) * 1000
        print(f"--measure: {measured:.1f} s for 200 statements, {each:.1f} ms each, start included")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
