"""The function of the sync trigger as a statement. docs/explanation/sync-trigger.md tells the rules.

Names are qualified to the last operator and type, as `predicates` tells. The body is parsed in the session of
whoever writes; what somebody else wrote, a default or a CHECK, stands in a function of its own (`parsed`).
"""

from expandcontract.model.change import Mode, Pair, Side
from expandcontract.model.names import literal, quote
from expandcontract.steps.sessions import FILLING
from expandcontract.steps.sync import beside, notes, predicates, refusals, rows, template, unfilled
from expandcontract.steps.sync.predicates import Values
from expandcontract.steps.sync.subject import Sync


def create(sync: Sync, *, ready: bool) -> str:
    """Return CREATE OR REPLACE for the function of the sync trigger; `ready` chooses the rules that hold from
    ready on.
    """
    pair = sync.pair
    fields = _fields(sync, ready=ready)
    if pair.computed_outside:
        return template.render("outside.sql", **fields, filling=literal(FILLING))
    if pair.mode == Mode.FILL:
        write_back = (
            ""
            if pair.back is None
            else f"\n        IF NOT old_given THEN\n            {fields['give_back']}"
            f"{fields['back_fits']}\n        END IF;"
        )
        return template.render("fill.sql", **fields, write_back=write_back, filling=literal(FILLING))
    return template.render("mirror.sql", **fields)


def _fields(sync: Sync, *, ready: bool) -> dict[str, str]:
    pair = sync.pair
    old, new = predicates.old_values(pair, "NEW"), predicates.new_values(pair, "NEW")
    old_was, was = predicates.old_values(pair, "OLD"), predicates.new_values(pair, "OLD")
    new_default = sync.new_default if ready else None
    outside = pair.computed_outside
    return {
        "function": sync.function.sql,
        "table": pair.table.sql,
        "old": " and ".join(map(quote, pair.old_columns)),
        "new": " and ".join(map(quote, pair.new_columns)),
        "change": literal(sync.change),
        "stage": "From ready on."
        if ready
        else "Until ready: a row may be unfilled, and NULL in the new side never goes back.",
        "declare": "" if outside else rows.declare() + beside.declare(pair),
        "stored": "" if outside else notes.stored_unfit(sync),
        "moved": rows.moved(pair, sync.change, sync.partition_keys, judged=sync.judges),
        "left": "" if outside else rows.left(sync.change, pair, note=_unseen(sync)),
        "leave": rows.moves(pair, sync.change, sync.partition_keys)
        + ("" if outside else rows.leave(sync.change, pair)),
        "faults": notes.faults(sync, rows.NAMES),
        "later_defaults": "" if outside else notes.later_defaults(sync, new_default, ready=ready),
        "new_is_default": predicates.same_new(pair, new, (sync.made_by_default,))
        if new_default
        else predicates.together([predicates.absent(each) for each in new], "AND"),
        "old_is_default": _old_is_default(sync),
        "complete": "" if ready else unfilled.completed(pair),
        "complete_parts": "" if ready else unfilled.parts_completed(pair),
        # Who brings both sides in sync has lost nothing.
        "disagree": "" if pair.identity else f" AND {predicates.out_of_sync(pair, 'NEW')}",
        "new_absent": predicates.new_absent(pair, new),
        "new_present": predicates.new_given(pair, new),
        "new_unchanged": predicates.same_new(pair, new, was),
        "null_is_silence": "" if ready else f" AND {predicates.new_given(pair, new)}",
        "not_carried": _not_carried(pair, old),
        # Who is called for a pair of the very same values was called because they differ.
        "otherwise": "ELSE"
        if pair.identity
        else f"ELSIF old_given{beside.or_made_anew(pair)} OR {predicates.out_of_sync(pair, 'NEW')} THEN",
        "old_unchanged": predicates.same_old(pair, old, old_was),
        "note_both": notes.note_both(sync, "'the new side won'"),
        "note_drifted": notes.note_drifted(sync),
        "give_back": template.assigned(old, predicates.back(pair, new, "NEW")),
        "fill": template.assigned(new, predicates.forward(pair, old, "NEW")),
        "empty": template.assigned(new, ("NULL",) * len(new)),
        "back_fits": notes.back_fits(sync),
        "refuse": refusals.refuse(sync.rules, sync.change, sync.breaks[0]) if ready else "",
        "look": refusals.look(sync.rules, sync.change, pair, sync.breaks[1]) if ready else "",
        # Left NULL, the row would be out of sync, and some later write would change it unasked.
        "null_again": f"\n        IF {predicates.new_absent(pair, new)} THEN\n"
        f"            {template.assigned(new, predicates.forward(pair, old, 'NEW'))}\n        END IF;"
        if pair.fills_null
        else "",
        "forward_fits": notes.forward_fits(sync),
        "beside": beside.told(pair),
        "given_back_anew": beside.given_back(sync),
        "made_anew": beside.or_made_anew(pair),
        "anew_fits": beside.fits(sync),
        "note_new": _note_use(sync, "new", ready=ready),
        "note_old": _note_use(sync, "old", ready=ready),
    }


def _note_use(sync: Sync, side: str, *, ready: bool) -> str:
    unless = "" if sync.pair.computed_outside else "NOT altered AND "
    return notes.note_use(sync.change, sync.schema, side, ready=ready, unless=unless)


def _unseen(sync: Sync) -> str:
    # In mode fill the first trigger is called for every row.
    if not sync.first or sync.pair.mode == Mode.FILL:
        return ""
    return notes.note_both(sync, "'the old side won: a trigger of the table changed it'")


def _not_carried(pair: Pair, old: Values) -> str:
    # What forward makes of old says nothing new, and may be a repair's: back must not cut the old value.
    if pair.identity:
        return ""
    new = predicates.new_values(pair, "NEW")
    carried = predicates.same_new(pair, new, predicates.forward(pair, old, "NEW"))
    return f"\n            AND NOT {carried}"


def _old_is_default(sync: Sync) -> str:
    pair = sync.pair

    def is_default(column: Side, value: str, *, plain: bool) -> str:
        # A volatile default (nextval) makes another value at each call: the value is taken as given, unless
        # new was given.
        if column.default is None or column.volatile_default:
            return predicates.absent(value)
        return predicates.same(value, sync.default_of(column), plain=plain, type_=column.type)

    plain = (pair.old_plain_equality, *(each.plain_equality for each in pair.old_more))
    values = predicates.old_values(pair, "NEW")
    columns = zip(pair.olds, values, plain, strict=True)
    return predicates.together([is_default(each, value, plain=p) for each, value, p in columns], "AND")
