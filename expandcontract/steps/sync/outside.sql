CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- {new} of {table} is computed from {old} outside of the database. What was made of another {old} never stays: the row is unfilled then.
DECLARE
    old_given boolean;
    new_given boolean;{declare}
BEGIN{moved}
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT {new_is_default};
        old_given := NOT {old_is_default};
    ELSE
        new_given := NOT {new_unchanged} AND {new_present};
        old_given := NOT {old_unchanged};
    END IF;
    IF pg_catalog.current_setting({filling}, true) OPERATOR(pg_catalog.=) 'on' THEN
        -- Our own write of a value that was made of OLD: another trigger may have changed {old} with it.
        IF old_given AND TG_OP OPERATOR(pg_catalog.=) 'UPDATE' THEN
            {empty}
        END IF;
    ELSIF new_given THEN
        {note_new}
    ELSIF old_given THEN
        {empty}
        {note_old}
    END IF;
    RETURN NEW;
{faults}END
$ec$
