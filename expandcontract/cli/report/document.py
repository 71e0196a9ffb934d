"""What a report consists of, whatever it is rendered as."""

from typing import Literal, TypeAlias

from expandcontract.cli.views.view import Part


class Paragraph(Part):
    """Sentences."""

    type: Literal["paragraph"] = "paragraph"
    text: str


class FactList(Part):
    """Names with what they stand for."""

    type: Literal["facts"] = "facts"
    rows: tuple[tuple[str, str], ...]


class Table(Part):
    """Rows below a head."""

    type: Literal["table"] = "table"
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Items(Part):
    """A numbered list."""

    type: Literal["items"] = "items"
    items: tuple[str, ...]


class Fold(Part):
    """SQL that is shown when it is asked for."""

    type: Literal["fold"] = "fold"
    title: str
    sql: str


class Heading(Part):
    """Begins a part of a section."""

    type: Literal["heading"] = "heading"
    text: str


Block: TypeAlias = Paragraph | FactList | Table | Items | Fold | Heading


class ReportSection(Part):
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]
