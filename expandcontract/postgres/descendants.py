"""A table and all that is below it: its partitions and its children by inheritance, of every level. Pure."""


def tree(roots: str = "SELECT $1::pg_catalog.oid", *tags: str) -> str:
    """Return the CTE `tree(relation, *tags)`, for a query that begins with WITH RECURSIVE.

    `roots` selects the tables to begin with, and the `tags` that are handed down from each of them unchanged.
    """
    # UNION, not UNION ALL: a child may inherit from two tables of the tree.
    return f"""tree({", ".join(("relation", *tags))}) AS (
    {roots}
    UNION
    SELECT {", ".join(("i.inhrelid", *(f"t.{tag}" for tag in tags)))}
    FROM tree t JOIN pg_catalog.pg_inherits i ON i.inhparent = t.relation
)"""
