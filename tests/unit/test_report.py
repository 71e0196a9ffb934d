"""A report is composed once and rendered twice; what stands in it means nothing but itself."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from expandcontract.cli.report import html, markdown
from expandcontract.cli.report.document import Fold, Paragraph, ReportSection, Table
from expandcontract.cli.views.report import ReportView
from expandcontract.model.phases import State
from tests.unit.histories import history, verification

HOSTILE = "a | b\n# c <script>alert(1)</script> `d` *e* [f](javascript:g) _h_ user_name ~i~ &lt; \\"
FILES = {"expand": "ALTER TABLE public.users ADD COLUMN display_name text;"}


class Tags(HTMLParser):
    """Collects the tags and attributes of a page, and what it says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.said = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.said += data


def _hostile() -> tuple[ReportSection, ...]:
    blocks = (Paragraph(text=HOSTILE), Table(head=("x", "y"), rows=((HOSTILE, HOSTILE),)))
    return (ReportSection(title=HOSTILE, blocks=(*blocks, Fold(title=HOSTILE, sql=f"-- ```\n{HOSTILE}"))),)


def test_html_means_nothing_but_what_it_says() -> None:
    """Whatever stands in a report: the page has the tags of the renderer, each closed, and says the text."""
    page = Tags(html.render(HOSTILE, _hostile()))
    assert not page.open
    assert not {"script", "a", "b", "img", "link"} & set(page.tags)
    assert page.said.count("<script>alert(1)</script>") == 8


def test_html_reads_on_a_phone_and_in_the_dark() -> None:
    """Each cell knows its heading, a wide table moves in a frame of its own, and no word is broken."""
    page = ReportView.of(history(), FILES).html()
    assert "prefers-color-scheme: dark" in page
    assert page.count("<table>") == page.count('<div class="wide">') > 0
    assert "anywhere" not in page
    assert page.count("<td data-label=") > page.count('<tr class="head">') > 0


def test_html_needs_nothing_from_elsewhere() -> None:
    """No script, no address of anything that would have to be loaded."""
    page = ReportView.of(history(), FILES).html()
    assert not {"src", "href", "onload"} & Tags(page).attributes
    assert "://" not in page
    assert "url(" not in page
    assert "@media print" in page


def test_markdown_means_nothing_but_what_it_says() -> None:
    """Text cannot break a table, begin a heading, or become markup; names with underscores stay readable."""
    text = markdown.render(HOSTILE, _hostile())
    row = next(line for line in text.splitlines() if line.startswith("| a"))
    assert row.count("|") - row.count("\\|") == 3
    assert "\\<script\\>alert(1)\\</script\\>" in row
    assert "\\[f\\](javascript:g) \\_h\\_ user_name \\~i\\~ \\&lt; \\\\" in row
    assert "````sql" in text


def test_no_value_is_told() -> None:
    """What a failure or a notice says may hold values of rows: neither is in the report."""
    view = ReportView.of(history(), FILES)
    assert "EC601" in view.text()
    assert "secret" not in view.text() + view.html() + view.json_text()


def test_what_happened_again_is_told_once() -> None:
    """Two refusals in a row for the same reason are one line."""
    (line,) = [line for line in ReportView.of(history(), FILES).text().splitlines() if "EC310" in line]
    assert "(2 times, until" in line


def test_a_password_is_not_told() -> None:
    """Somebody wrote one into a reason."""
    opened = (replace(history().opened[0], why="see postgresql://ada:hunter2@db/shop"),)
    view = ReportView.of(history(opened=opened), FILES)
    assert "hunter2" not in view.text() + view.html()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "it held at contract"),
        ({"verifications": ()}, "proof | none |"),
        ({"verifications": (verification(27, mismatches=3),)}, "none that counts (1 verification)"),
        ({"verifications": (verification(27, spoiled="a trigger was disabled"),)}, "none that counts"),
        ({"verifications": (verification(60),)}, "none that counts"),
        ({"cycle": 1}, "none that counts"),
        ({"state": State.ROLLED_BACK, "hidden_at": None}, "none that counts"),
        ({"state": State.ACTIVE, "hidden_at": None}, "whether it still holds is for ec gates to say"),
        ({"verifications": (verification(34.5, spoiled="a trigger was disabled"),)}, "it held at contract"),
    ],
)  # fmt: skip
def test_only_a_proof_that_counts_is_told_as_one(changes: dict[str, object], said: str) -> None:
    """Not one with mismatches, or spoiled before contract, or made after it, or before an undo."""
    assert said in ReportView.of(history(**changes), FILES).text()
