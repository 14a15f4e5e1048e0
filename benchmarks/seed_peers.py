"""The other ways people fill databases, as scripts that measure themselves; for `benchmarks.seed`.

Those of Python make users as mapped objects; postseed and drizzle-seed need node, and are told of
users alone too. What cannot be installed, or does not run, is said and left out.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = ("faker", "factory_boy", "polyfactory", "mimesis", "postseed")
NODE = ("drizzle-seed", "drizzle-orm", "pg")

RECORDS = """
import asyncio, asyncpg
async def main():
    connection = await asyncpg.connect(plain)
    made = {}
    for name in ("users", "posts", "comments"):
        found = await connection.fetch(f"SELECT * FROM made.{name}")
        made[name] = list(found[0].keys()), [tuple(row) for row in found]
    began, cpu = time.perf_counter(), time.process_time()
    for name, (columns, records) in made.items():
        await connection.copy_records_to_table(
            name, schema_name="public", columns=columns, records=records, timeout=None)
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    rows = sum(len(records) for _, records in made.values())
    print(json.dumps({"rows": rows, "wall": wall, "cpu": cpu, "grown": 0}))
asyncio.run(main())
"""
ORM = """
from sqlalchemy import create_engine
from sqlalchemy.orm import Session
from dbtool.example import Base
User = next(m.class_ for m in Base.registry.mappers if m.class_.__name__ == "User")
{make}
def work():
    with Session(create_engine(url.replace("+asyncpg", "+psycopg"))) as session:
        for start in range(0, users, 1000):
            session.add_all([User(**make(n)) for n in range(start, min(start + 1000, users))])
            session.flush()
        session.commit()
    return users
make(0)
measured(work)
"""
MAKERS = {
    "SQLAlchemy ORM, ready values": """
def make(n):
    return {"email": f"u{n}@example.com", "name": f"User {n}", "country": "DE"}
""",
    "factory_boy + Faker, ORM": """
import factory
class Row(factory.DictFactory):
    email = factory.Sequence(lambda n: f"u{n}@example.com")
    name = factory.Faker("name")
    country = factory.Faker("country_code")
    last_seen_at = factory.Faker("date_time", tzinfo=__import__("datetime").timezone.utc)
def make(n):
    return Row()
""",
    "polyfactory, ORM": """
from dataclasses import dataclass
from datetime import datetime
from polyfactory.factories import DataclassFactory
@dataclass
class Row:
    name: str
    preferences: dict[str, str]
    last_seen_at: datetime
class Rows(DataclassFactory[Row]):
    pass
def make(n):
    row = Rows.build()
    return {"email": f"u{n}@example.com", "name": row.name, "country": "DE",
            "preferences": row.preferences}
""",
    "mimesis, ORM": """
from mimesis import Address, Datetime, Person
person, address = Person(), Address()
def make(n):
    return {"email": f"u{n}@example.com", "name": person.full_name(),
            "country": address.country_code()}
""",
}
POSTSEED = """
import subprocess
# It wants a host before the path, and the directory of the socket behind it.
place = plain.replace("@/", "@localhost/")
program = str(Path(os.environ["BENCH_PEERS"]) / "bin" / "postseed")
began = time.perf_counter()
subprocess.run([program, "insert", "--url", place, "--rows", str(users), "--tables", "users",
                "--yes"], check=True, stdout=subprocess.DEVNULL)
spent = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"rows": users, "wall": time.perf_counter() - began,
                  "cpu": spent.ru_utime + spent.ru_stime, "grown": 0}))
"""
DRIZZLE = """
import { drizzle } from "drizzle-orm/node-postgres";
import { bigint, char, pgEnum, pgTable, varchar } from "drizzle-orm/pg-core";
import { seed } from "drizzle-seed";
const users = pgTable("users", {
  id: bigint("id", { mode: "number" }).primaryKey().generatedByDefaultAsIdentity(),
  email: varchar("email", { length: 320 }).notNull().unique(),
  name: varchar("name", { length: 120 }).notNull(),
  status: pgEnum("user_status", ["invited", "active", "suspended"])("status").notNull(),
  country: char("country", { length: 2 }).notNull(),
});
const rows = Number(process.env.BENCH_USERS);
const db = drizzle(process.env.BENCH_PLAIN.replace("@/", "@localhost/"));
const before = process.cpuUsage(), began = performance.now();
// What it makes by itself breaks the CHECK of the country.
const country = (made) => made.valuesFromArray({ values: ["DE", "FR", "US"] });
await seed(db, { users }, { count: rows })
  .refine((made) => ({ users: { columns: { country: country(made) } } }));
const wall = (performance.now() - began) / 1e3, spent = process.cpuUsage(before);
console.log(JSON.stringify({ rows, wall, cpu: (spent.user + spent.system) / 1e6, grown: 0 }));
process.exit(0);
"""


def install(place: Path, root: Path) -> Path:
    """Install the peers below a directory; returns where those of Python are."""
    directory, node = place / "peers", place / "node"
    node.mkdir()
    uv = shutil.which("uv") or str(root / ".uv" / "bin" / "uv")
    options = ["-q", "--python", sys.executable, "--target", str(directory)]
    try:
        subprocess.run([uv, "pip", "install", *options, *PYTHON], check=False)
    except OSError as error:
        print(f"{', '.join(PYTHON)}: not installed: {error}")
    if npm := shutil.which("npm"):
        quiet = ["--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([npm, "install", *quiet, *NODE], cwd=node, check=False)
        (node / "seed.mjs").write_text(DRIZZLE)
    return directory


def commands(place: Path, measure: str) -> dict[str, list[str]]:
    """The program and arguments of each peer; `measure` begins those written in Python."""
    python = {label: ORM.replace("{make}", make) for label, make in MAKERS.items()}
    python["postseed, with its start"] = POSTSEED
    made = {label: [sys.executable, "-c", measure + each] for label, each in python.items()}
    return {**made, "drizzle-seed": ["node", str(place / "node" / "seed.mjs")]}


def environment(peers: Path, root: Path) -> dict[str, str]:
    """Where the peers find each other and the models."""
    return {"BENCH_PEERS": str(peers), "PYTHONPATH": os.pathsep.join([str(root), str(peers)])}
