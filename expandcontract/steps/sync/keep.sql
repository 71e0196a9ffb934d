CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $ec$
-- Keeps {hidden} of {table}, the old side that contract hid, current for undo. It never makes a write fail.
BEGIN
    IF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND {hidden_given}{final_not_given} THEN
        -- An INSERT without a list of columns means the new side, and reached the hidden one.
        {take}{not_taken}
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' AND {hidden_given}{belongs} THEN
        -- Nobody gives both: a row that moves to another partition keeps what it had.
        RETURN NEW;
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'UPDATE' AND {new_unchanged} AND NOT {hidden_unchanged}{drifted} THEN
        -- Through a view, a rule or a function that goes on with the hidden side.
        {take}{not_taken}{apart}
    ELSIF TG_OP OPERATOR(pg_catalog.=) 'INSERT' OR NOT {new_unchanged}{moved_apart} THEN{assign}
    END IF;
    RETURN NEW;
{faults}END
$ec$
