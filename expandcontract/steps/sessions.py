"""What sessions and the sync trigger agree on: settings that tell it what a session is about, and the
SQLSTATE that tells a session what it refused.
"""

import hashlib

#: The setting of a session that fills what the trigger cannot tell from a write: nobody uses a side then.
FILLING = "expandcontract.filling"
#: What the guards of a write refused by policy are known by.
UNFIT_SQLSTATE = "EC320"


def note_settings(change: str, side: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return the settings of a session that tell when it used a side last, until ready and from then on, each
    with its value for now as SQL.

    Another name from ready on: who was noted a moment before is noted again, and seen to be there still. A
    write of the old side counts from when it came, however long ago its transaction began.
    """
    clock = "clock_timestamp" if side == "old" else "now"
    minute = f"pg_catalog.to_char(pg_catalog.{clock}(), 'YYYYMMDDHH24MI')"
    moment = f"pg_catalog.concat(pg_catalog.current_setting('application_name'), ' ', {minute})"
    name = f"expandcontract.{side}_{hashlib.sha256(change.encode()).hexdigest()[:10]}"
    return (name, moment), (f"{name}_ready", moment)
