"""The list of commands, for the help page and for shells: to print it imports no family."""

LISTED: dict[str, dict[str, str]] = {
    "Migrations": {
        "upgrade": "Apply pending revisions, up to head or the revision given.",
        "downgrade": "Undo revisions, back to the one given, or -1 for the last one.",
        "current": "Show the revision the database is at, and how many are pending.",
        "stamp": "Record that the database is at a revision, without running any.",
        "ensure-version": "Create Alembic's version table where it does not exist.",
        "check": "Compare the models with the database: exit 1 where they differ.",
        "status": "Show where the database is, what is pending and what an upgrade would meet.",
        "history": "List the revisions, the newest first.",
        "heads": "Show the newest revision, of each branch if there are several.",
        "branches": "Show where the history branches.",
        "show": "Show everything about a revision; `current` asks the database which.",
        "revision": "Write a new revision file, empty or filled with a reviewed change.",
        "merge": "Write a revision in which several heads meet; `heads` stands for all of them.",
        "edit": "Open a revision's file in $EDITOR; `current` asks the database which.",
        "lint": "Say what each migration would do to a live database, before it does.",
    },
    "Queries": {
        "explain": "Run a query safely and say where its time goes.",
        "trace": "Run one function and show what it sends: N+1, repeats, plans.",
    },
    "Health": {
        "now": (
            "Say what is wrong at this moment: a verdict, at most three causes, the vital signs."
        ),
        "locks": "Show who waits for a lock, behind whom, and what ending that one would release.",
        "kill": (
            "End a session that is in the way: show it, ask, end exactly that one, see it gone."
        ),
        "pool": "Show how many connections are left, who holds them and what they do.",
        "top": "Show which statements and waits cost the most within a few seconds.",
        "doctor": (
            "Look for what will hurt one day: indexes, keys, vacuum, statistics, settings, roles."
        ),
    },
    "Data": {
        "seed": "Fill a migrated database with rows made from your models.",
    },
    "Set-up": {
        "demo": (
            "Migrate, seed, explain and check a PostgreSQL that dbtool starts and removes itself."
        ),
        "init": "Set the project up: adopt the migrations that are here, or begin some.",
        "list-templates": "List the templates of Alembic that init can begin with.",
        "local": "Run a PostgreSQL server of this project's own for development.",
        "config": "Show every setting, where it came from, and which database would be used.",
        "rules": "List the rules behind the findings, or explain one: what, why, bad and good.",
    },
}
"""Under each panel its commands with the first sentence of their pages; others are hidden."""
