CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps {old} and {new} of {table} in sync, whoever writes. {stage}
DECLARE
    old_given boolean;
    new_given boolean;{declare}
BEGIN{stored}{moved}
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT {new_is_default}{not_carried};
        old_given := NOT {old_is_default};{later_defaults}
    ELSE{complete}
        new_given := NOT {new_unchanged}{null_is_silence}{not_carried};
        old_given := NOT {old_unchanged};
    END IF;{beside}{left}
    IF new_given THEN{refuse}
        IF old_given AND NOT altered{disagree} THEN
            {note_both}
        END IF;
        {give_back}{back_fits}{null_again}{look}
        {note_new}
    {given_back_anew}{otherwise}{note_drifted}
        {fill}
        IF old_given THEN{forward_fits}
            {note_old}
        END IF;{anew_fits}
    END IF;{leave}
    RETURN NEW;
{faults}END
$ec$
