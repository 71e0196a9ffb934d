CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Fills {new} of {table} from {old}: when it is not given, when {old} changes, or when it is not filled yet. {stage}
DECLARE
    old_given boolean;
    new_given boolean;{declare}
BEGIN{stored}{moved}
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' THEN
        new_given := NOT {new_is_default};
        old_given := NOT {old_is_default};{later_defaults}
    ELSE{complete_parts}
        new_given := NOT {new_unchanged}{null_is_silence};
        old_given := NOT {old_unchanged};
    END IF;{beside}{left}
    IF NOT altered AND TG_OP OPERATOR(pg_catalog.=) 'UPDATE'
        AND COALESCE(pg_catalog.current_setting({filling}, true), '') OPERATOR(pg_catalog.=) 'on'
    THEN
        -- Our own write of what forward made of {old}, which back must not cut.
        new_given := false;
    END IF;
    -- Both given: an application that writes both. Back may read the session.
    IF new_given THEN{refuse}{write_back}{look}
        {note_new}
    {given_back_anew}ELSIF old_given{made_anew} OR {new_absent} THEN
        {fill}
        IF old_given THEN{forward_fits}
            {note_old}
        END IF;{anew_fits}
    END IF;{leave}
    RETURN NEW;
{faults}END
$ec$
