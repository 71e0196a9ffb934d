"""What the sync function knows of a row beyond OLD and NEW, as pieces of its body.

Two triggers of ours may call it for one row, the first of all and the last of all, with those of the user
between them. And a row that moves to another partition is an INSERT there. Both are told by settings of the
transaction, one for each depth of triggers, since a trigger of the user may write other rows in between.
"""

import hashlib
from collections.abc import Sequence

from expandcontract.model.change import Pair
from expandcontract.model.names import literal, of_row, quote
from expandcontract.steps.sync import predicates

#: The arguments by which the function tells its two triggers apart; a trigger that is alone has none. The one
#: after the row has `STORED`.
FIRST, LAST, STORED = "first", "last", "stored"
#: Errors of what a function names, not of what it does: a column or type that was renamed, a value of an
#: enum, a function or a schema that is gone or that a role may not use.
NAMES = "syntax_error_or_access_rule_violation OR data_exception OR invalid_schema_name"


def _setting(change: str, what: str, depth: str = "pg_catalog.pg_trigger_depth()") -> str:
    name = literal(f"expandcontract.{what}_{hashlib.sha256(change.encode()).hexdigest()[:10]}_")
    return f"pg_catalog.concat({name}, {depth})"


def _all(pair: Pair) -> str:
    """What a row holds that an UPDATE has left in order."""
    return _all_of((*pair.old_columns, *pair.new_columns, *(each.column for each in pair.beside)))


def _both(pair: Pair) -> str:
    return _all_of((*pair.old_columns, *pair.new_columns))


def _all_of(columns: Sequence[str]) -> str:
    each = (_print(of_row("NEW", column)) for column in columns)
    return f"pg_catalog.concat({', '.join(each)})"


#: What is put down of a row to which nobody gave a value of the new side.
_NOTHING = "nothing"


def nothing_given(change: str) -> str:
    """Return SQL that puts down, where a default is evaluated, that nobody gave the value. It is no NULL."""
    return f"pg_catalog.set_config({_setting(change, _NOTHING)}, 'on', true)"


def null_given(sync_schema: str, change: str, pair: Pair) -> str:
    """Return what takes a NULL that somebody gave for given, where nothing else was: of who gives nothing the
    default has put that down. It says nothing where the default is no such one, as on a partition that came
    later.
    """
    setting, column = _later(change, _NOTHING), pair.new.column
    none = predicates.new_absent(pair, predicates.new_values(pair, "NEW"))
    silent = f"COALESCE(pg_catalog.current_setting({setting}, true), '')"
    told = (
        f"{quote(sync_schema)}.is_default(TG_RELID, {literal(column)}, {of_row('NEW', column)}, NULL) IS NULL"
    )
    return f"""
        IF NOT (old_given OR new_given) AND {none} AND {silent} OPERATOR(pg_catalog.<>) 'on'
            AND {told}
        THEN
            new_given := true;
        END IF;
        PERFORM pg_catalog.set_config({setting}, '', true);"""


def judged_when_stored(sync_trigger: str, others: Sequence[str]) -> str:
    """Return SQL that is true of an INSERT that the trigger after the row will judge. `others` are the
    columns of the side that holds nothing: a NOT NULL there would refuse the row all the same, and say less.

    An INSERT may be given up for a row that is there (ON CONFLICT), which no trigger before it can know.
    """
    may_be_null = " AND ".join(_may_be_null(sync_trigger, other) for other in others)
    return f"TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND {may_be_null}"


def _may_be_null(sync_trigger: str, other: str) -> str:
    return (
        "EXISTS (\n"
        "                    SELECT FROM pg_catalog.pg_trigger t\n"
        "                    JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.tgrelid\n"
        "                    WHERE t.tgrelid OPERATOR(pg_catalog.=) TG_RELID\n"
        f"                    AND t.tgname OPERATOR(pg_catalog.=) {literal(sync_trigger)}::pg_catalog.name\n"
        "                    AND t.tgenabled OPERATOR(pg_catalog.=) 'A'::pg_catalog.\"char\"\n"
        f"                    AND a.attname OPERATOR(pg_catalog.=) {literal(other)}::pg_catalog.name\n"
        "                    AND NOT a.attnotnull\n                )"
    )


def put_down_unfit(change: str, pair: Pair) -> str:
    """Return what puts down for the trigger after the row that this one does not fit."""
    return f"PERFORM pg_catalog.set_config({_unfit(change)}, {_both(pair)}, true);"


def put_down_broken(change: str, pair: Pair) -> str:
    """Return what puts down for that trigger that this row breaks a rule which others decide."""
    return f"PERFORM pg_catalog.set_config({_later(change, _BROKEN)}, {_both(pair)}, true);"


#: What is put down for the trigger after the row.
_UNFIT, _BROKEN = "unfit", "broken"


def _unfit(change: str) -> str:
    return _later(change, _UNFIT)


def _later(change: str, what: str) -> str:
    # The trigger's WHEN sees the depth from outside of it.
    return _setting(change, what, "pg_catalog.pg_trigger_depth() OPERATOR(pg_catalog.-) 1")


def stored_unfit(change: str, pair: Pair) -> str:
    """Return SQL for the WHEN of the trigger after a row: true for one that was put down as not fitting."""
    return _put_down(_setting(change, _UNFIT), pair)


def stored_broken(change: str, pair: Pair) -> str:
    """Return the same for one that was put down as breaking a rule."""
    return _put_down(_setting(change, _BROKEN), pair)


def was_put_down(change: str, pair: Pair) -> tuple[str, str]:
    """Return both for the body of the function: as not fitting, and as breaking a rule."""
    unfit, broken = (_put_down(_later(change, what), pair) for what in (_UNFIT, _BROKEN))
    return unfit, broken


def _put_down(name: str, pair: Pair) -> str:
    setting = f"pg_catalog.current_setting({name}, true)"
    return f"{setting} OPERATOR(pg_catalog.<>) '' AND {setting} OPERATOR(pg_catalog.=) {_both(pair)}"


def _print(value: str) -> str:
    """Return SQL for a value's fingerprint: NULL and 'NULL' differ, and it is short for any value."""
    return f"pg_catalog.md5(pg_catalog.format('%L', {value}))"


def _prints(pair: Pair) -> tuple[str, str]:
    """Return SQL for the fingerprints of the two sides of NEW."""
    sides = (predicates.old_values(pair, "NEW"), predicates.new_values(pair, "NEW"))
    old, new = (_print(predicates.shown(side)) for side in sides)
    return old, new


def _print_beside(pair: Pair) -> str:
    return _print(predicates.shown(predicates.beside(pair, "NEW")))


def declare() -> str:
    """Return the variables of `left` and `leave`."""
    return (
        "\n    altered boolean := false;  -- by a trigger of the user, since our first one"
        "\n    place pg_catalog.text;\n    seen pg_catalog.text[];"
        "\n    old_left boolean;\n    new_left boolean;\n    later boolean;"
    )


def left(change: str, pair: Pair, *, note: str = "") -> str:
    """Return what the last trigger does with what the first one left: only what others changed since counts
    as given, and nobody is noted for it.

    An INSERT has no place that would tell its row from another: there it counts only where both sides would.
    Where the first one was not called, who writes both sides wrote them in sync, and a trigger of the user
    changed one: the old side, since that is what the table's rules speak of. `note` keeps the other's value.
    """
    old, new = _prints(pair)
    return f"""
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 THEN
        place := pg_catalog.concat(TG_RELID, OLD.ctid);
        seen := pg_catalog.string_to_array(pg_catalog.current_setting({_setting(change, "left")}, true), ' ');
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) '{LAST}' AND seen[1] OPERATOR(pg_catalog.=) place THEN
            old_left := seen[2] OPERATOR(pg_catalog.=) {old};
            new_left := seen[3] OPERATOR(pg_catalog.=) {new};
            IF {_beside_altered(pair)}old_left AND new_left THEN
                RETURN NEW;
            ELSIF (old_left OR new_left)
                AND (TG_OP OPERATOR(pg_catalog.=) 'UPDATE' OR old_given AND new_given)
            THEN
                altered := true;
                new_given := old_left;
                old_given := new_left;
            END IF;
        END IF;{_unseen(note)}
    END IF;"""


def _beside_altered(pair: Pair) -> str:
    if not pair.beside:
        return ""
    changed = f"seen[4] OPERATOR(pg_catalog.<>) {_print_beside(pair)}"
    # What the first one made of a column that another trigger has changed since is made anew.
    return f"""old_left AND new_left AND {changed} THEN
                altered := true;
                anew := seen[5] OPERATOR(pg_catalog.=) 'true';
                kept := NOT anew;
                old_given := false;
                new_given := false;
            ELSIF """


def _unseen(note: str) -> str:
    if not note:
        return ""
    called = "COALESCE(seen[1] OPERATOR(pg_catalog.=) place, false)"
    return f"""
        IF TG_ARGV[0] OPERATOR(pg_catalog.=) '{LAST}' AND old_given AND new_given AND NOT altered
            AND (TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT {called})
        THEN
            {note}
            altered := true;
            new_given := false;
        END IF;"""


def leave(change: str, pair: Pair) -> str:
    """Return what the first trigger leaves for the last one."""
    prints: tuple[str, ...] = _prints(pair)
    if pair.beside:
        old, new = predicates.old_values(pair, "NEW"), predicates.new_values(pair, "NEW")
        made = predicates.same_new(pair, new, predicates.forward(pair, old, "NEW"))
        prints = (*prints, _print_beside(pair), f"({made})::pg_catalog.text")
    value = f"pg_catalog.concat_ws(' ', place, {', '.join(prints)})"
    return f"""
    IF TG_NARGS OPERATOR(pg_catalog.>) 0 AND TG_ARGV[0] OPERATOR(pg_catalog.=) '{FIRST}' THEN
        PERFORM pg_catalog.set_config({_setting(change, "left")}, {value}, true);
    END IF;"""


def moved(pair: Pair, change: str, keys: Sequence[str], *, judged: bool) -> str:
    """Return what makes of an INSERT that is a row's move to another partition what it is: no write.

    An UPDATE that changes the partition key leaves what the row holds; `keys` are that key's columns.
    `judged` says that a trigger after the row looks whether one that did not fit was stored.
    """
    if not keys:
        return ""
    setting = _setting(change, "moved")
    forget = ""
    if judged:
        forget = f"\n        PERFORM pg_catalog.set_config({_unfit(change)}, '', true);"
    return f"""
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT'
        AND pg_catalog.current_setting({setting}, true) OPERATOR(pg_catalog.=) {_all(pair)}
    THEN{forget}
        RETURN NEW;
    END IF;"""


def moves(pair: Pair, change: str, keys: Sequence[str]) -> str:
    """Return what an UPDATE leaves for `moved`."""
    if not keys:
        return ""
    return _leaves(_setting(change, "moved"), _all(pair), keys)


def _leaves(setting: str, print_: str, keys: Sequence[str]) -> str:
    stays = " AND ".join(predicates.same(of_row("NEW", k), of_row("OLD", k)) for k in keys)
    return f"""
    IF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND NOT ({stays}) THEN
        PERFORM pg_catalog.set_config({setting}, {print_}, true);
    END IF;"""


def moving(change: str, column: str, keys: Sequence[str]) -> tuple[str, str]:
    """Return the same for a change without a pair, of the row's one column: what an INSERT does that is a
    move, and what an UPDATE leaves for it. The next INSERT of that value is a write again.
    """
    if not keys:
        return "", ""
    setting, print_ = _setting(change, "moved"), _all_of((column,))
    arrives = f"""
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT'
        AND pg_catalog.current_setting({setting}, true) OPERATOR(pg_catalog.=) {print_}
    THEN
        PERFORM pg_catalog.set_config({setting}, '', true);
        RETURN NEW;
    END IF;"""
    return arrives, _leaves(setting, print_, keys)
