"""A revision acts on something outside of the database.

Why: a rollback does not take back a request, a message, a file or another program. Revisions are
run again after an error, on every developer's machine, in tests and on copies of production; what
they do elsewhere is done each time.

When: a call of a known module, as requests or subprocess, or a file opened for writing. Reading a
file is fine. All versions.

Bad:
```python
import subprocess


def upgrade() -> None:
    subprocess.run(["systemctl", "restart", "worker"])
```

Good:
```python
def upgrade() -> None:
    op.execute("UPDATE orders SET status = 'open' WHERE id = 1")
```
"""

import ast
from collections.abc import Iterator

from dbtool.finding import Certainty, Finding, Severity, rule_name
from dbtool.lint.revision import argument, at, calls, imports, text_of, tree
from dbtool.lint.subject import Whole

NAME = rule_name(__name__)
_MODULES = """
    aiohttp aiokafka boto3 botocore celery confluent_kafka docker elasticsearch ftplib httpx kafka
    kombu meilisearch multiprocessing opensearchpy paramiko pika pymongo redis requests sendgrid
    shutil smtplib socket stripe subprocess twilio urllib3
"""
MODULES = frozenset(_MODULES.split())
_CALLS = """
    os.system os.popen os.remove os.unlink os.rename os.replace os.makedirs os.mkdir os.rmdir
    os.kill urllib.request.urlopen urllib.request.urlretrieve
"""
CALLS = frozenset(_CALLS.split())
METHODS = frozenset({"write_text", "write_bytes", "unlink"})


def check(whole: Whole) -> Iterator[Finding]:
    """Report calls that reach out of the database, all of a revision in one finding."""
    module = tree(whole.migration)
    if module is None:
        return
    origins = {bound: source for source, bound, _ in imports(module)}
    found: dict[str, int] = {}
    for name, node in calls(module):
        if _acts(name, node, origins):
            found.setdefault(name or "open", node.lineno)
    if found:
        lines = [f"line {line}: {name}(…)" for name, line in found.items()]
        yield Finding(
            rule=NAME,
            severity=Severity.WARNING,
            title=f"it acts outside of the database: {', '.join(found)}",
            certainty=Certainty.HEURISTIC,
            evidence=(*lines, "a rollback does not undo it, and a retry does it again"),
            location=at(whole.migration, min(found.values())),
        )


def _acts(name: str, node: ast.Call, origins: dict[str, str]) -> bool:
    first, _, rest = name.partition(".")
    source = origins.get(first, "")
    if source.partition(".")[0] in MODULES:
        return True
    full = f"{source}.{name}" if source and source != first else name
    if name in CALLS or full in CALLS:
        return True
    if name == "open" or name.endswith(".open"):
        mode = text_of(argument(node, 1 if name == "open" else 0, "mode"))
        return bool(set(mode) & set("wax+"))
    return bool(rest) and rest.rpartition(".")[2] in METHODS
