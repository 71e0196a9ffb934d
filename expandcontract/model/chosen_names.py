"""The name that PostgreSQL would choose for an index or a constraint. Pure."""

from collections.abc import Collection

from expandcontract.model.names import MAX_BYTES


def chosen(table: str, columns: str, label: str, taken: Collection[str]) -> str:
    """Return `table_columns_label`, cut to 63 bytes and with a number where it is `taken`.

    `columns` are those that the name tells, empty where it tells none: `t_check`, `t_a_check`. As
    `ChooseConstraintName` and `makeObjectName` of the server do it (src/backend/commands/indexcmds.c).
    """
    number = 0
    while True:
        name = _made(table, columns, f"{label}{number or ''}")
        if name not in taken:
            return name
        number += 1


def _made(first: str, second: str, label: str) -> str:
    room = MAX_BYTES - len(label.encode()) - 1 - (1 if second else 0)
    sizes = [len(first.encode()), len(second.encode())]
    while sum(sizes) > room:
        sizes[0 if sizes[0] > sizes[1] else 1] -= 1
    cut = (
        part.encode()[:size].decode(errors="ignore")
        for part, size in zip((first, second), sizes, strict=True)
    )
    return "_".join(part for part in (*cut, label) if part)
