"""A copy of a table that a foreign key is to refer to: its columns, and what makes some of them unique.

Not all of its indexes: an expression in one is somebody else's code, and where it calls a function of
constants it is evaluated as soon as the index is made, with the rights of whoever makes it.
"""

from expandcontract.model.names import Target, do, literal

#: Neither a name nor an expression of its owner's is ever read as SQL: what stands before the access method
#: is cut off by its length. PostgreSQL qualifies the table there, and adds ONLY where that has partitions.
_UNIQUE = """DECLARE make pg_catalog.text; BEGIN
    FOR make IN
        SELECT CASE WHEN k.oid IS NULL
            THEN pg_catalog.concat('CREATE UNIQUE INDEX ON pg_temp.ec_other USING', pg_catalog.substr(
                pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.length(pg_catalog.format(
                    'CREATE UNIQUE INDEX %I ON %s%I.%I USING ', x.relname,
                    CASE WHEN x.relkind OPERATOR(pg_catalog.=) 'I' THEN 'ONLY ' ELSE '' END,
                    n.nspname, c.relname))))
            ELSE pg_catalog.concat(
                'ALTER TABLE pg_temp.ec_other ADD ', pg_catalog.pg_get_constraintdef(k.oid)) END
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid
        JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indrelid
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
        LEFT JOIN pg_catalog.pg_constraint k ON k.conindid OPERATOR(pg_catalog.=) i.indexrelid
            AND k.conrelid OPERATOR(pg_catalog.=) i.indrelid
            AND k.contype OPERATOR(pg_catalog.=) ANY ('{p,u}'::pg_catalog."char"[])
        WHERE i.indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(<table>)::pg_catalog.oid
            AND i.indisunique AND i.indisvalid AND i.indexprs IS NULL AND i.indpred IS NULL
        ORDER BY x.relname
    LOOP
        EXECUTE make;
    END LOOP;
END"""


def copied(other: Target) -> tuple[str, str]:
    """Return the statements that make `pg_temp.ec_other` like a table, as the role's path finds it."""
    return (
        f"CREATE TEMPORARY TABLE ec_other (LIKE {other})",
        do(_UNIQUE.replace("<table>", literal(str(other)))),
    )
