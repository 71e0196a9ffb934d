"""What roles do with the ledger, and the grants that each needs: so much that its verbs work, and no more."""

from collections.abc import Mapping

from expandcontract.ledger.tables import Tables
from expandcontract.model.names import quote

#: Each duty with what it does. An application's role has none: what it calls runs as the ledger's owner.
DUTIES: Mapping[str, str] = {
    "migrator": "owns the ledger, is a member of the tables' owner, and runs every verb",
    "worker": "copies and compares rows, with SELECT and UPDATE on the table; settling takes its owner",
    "waiter": "runs status, gates and wait",
    "reader": "runs also log, report and doctor; it sees no value of a row",
    "controller": "pauses, resumes and tunes, beside what a waiter does",
    "approver": "opens soft gates by ec ack, beside what a waiter does",
}

_WORKED = (
    *("phase", "step", "proof", "laid", "chunk", "walk", "lease", "watch", "statement"),
    *("hook", "given_back", "judged"),
)
#: What log and report read. `chunk` has samples of rows: their sums are the view `round`.
_READ = (
    *("change", "event", "hook", "laid", "origin", "picture", "proof", "step", "phase", "waiver", "old_use"),
    *("round", "site"),
)
#: Of `conflict`, neither keys nor values.
_COUNTED = "id, change_id, at, kind, application_name, role"

#: What write for roles that have no right on the tables.
_OPENS = "acknowledge(bigint, text, text, text, text)"
_WISHES = "tell_wish(bigint, text, jsonb)"


def grants(schema: str, duty: str, role: str) -> tuple[str, ...]:
    """Return the statements that give `role` what its duty needs on the ledger. A migrator is a member of the
    ledger's owner, and needs none.
    """
    tables = Tables(schema)
    ledger, name = quote(tables.schema), quote(role)
    assert duty in DUTIES, duty  # noqa: S101 - whoever asks has looked
    waiter = (
        f"GRANT USAGE ON SCHEMA {ledger} TO {name};",
        f"GRANT SELECT ON {ledger}.status_v1, {ledger}.summary_v1, {ledger}.sample_v1 TO {name};",
    )
    more = {
        "reader": (
            f"GRANT SELECT ON {_list(tables, *_READ)} TO {name};",
            f"GRANT SELECT ({_COUNTED}) ON {ledger}.conflict TO {name};",
        ),
        "controller": (
            f"GRANT SELECT, INSERT, UPDATE ON {ledger}.control, {ledger}.halt TO {name};",
            f"GRANT EXECUTE ON FUNCTION {ledger}.{_WISHES} TO {name};",
        ),
        "approver": (f"GRANT EXECUTE ON FUNCTION {ledger}.{_OPENS} TO {name};",),
    }
    return _of_worker(tables, name) if duty == "worker" else (*waiter, *more.get(duty, ()))


def _of_worker(tables: Tables, name: str) -> tuple[str, ...]:
    ledger = quote(tables.schema)
    return (
        f"GRANT USAGE ON SCHEMA {ledger} TO {name};",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {ledger} TO {name};",
        f"GRANT INSERT, UPDATE ON {_list(tables, *_WORKED)} TO {name};",
        # The guards lock a change's row, which takes a right to UPDATE some column; a worker moves no change.
        f"GRANT UPDATE (writes_at_ready) ON {ledger}.change TO {name};",
        f"GRANT INSERT ON {_list(tables, 'event', 'conflict', 'picture', 'origin', 'canary')} TO {name};",
        f"GRANT DELETE ON {_list(tables, 'chunk', 'lease', 'statement')} TO {name};",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {ledger} TO {name};",
        # What opens gates, and who is asked to pause, is not among them.
        f"REVOKE EXECUTE ON FUNCTION {ledger}.{_OPENS}, {ledger}.{_WISHES} FROM {name};",
    )


def listing(schema: str, owner: str) -> str:
    """Return the grants of each duty as comments, for the end of a script. `owner` owns the ledger."""
    lines = [
        f"-- The migrator is {owner}: it {DUTIES['migrator']}. For another role:",
        f"--   GRANT {quote(owner)} TO migrator;",
    ]
    for duty in DUTIES:
        if duty != "migrator":
            lines.append(f"-- A {duty} {DUTIES[duty]}. For a role of that name:")
            lines.extend(f"--   {statement}" for statement in grants(schema, duty, duty))
    return "\n".join(lines)


def _list(tables: Tables, *names: str) -> str:
    return ", ".join(tables.qualified(name) for name in names)
