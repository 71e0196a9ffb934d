"""Lines of samples, and listings of many changes: without a server."""

import re
from datetime import UTC, datetime, timedelta

import httpx

from expandcontract.ledger.summary import Sample, Summary
from expandcontract.web import app as web
from expandcontract.web.charts import HEIGHT, WIDTH, charts
from expandcontract.web.poller import Poller, Seen
from expandcontract.web.serving import Serving

NOW = datetime(2031, 5, 6, 12, 0, tzinfo=UTC)


def _sample(seconds_ago: float, rate: float, throttled_by: str | None = None) -> Sample:
    at = NOW - timedelta(seconds=seconds_ago)
    return Sample(
        at, "copy", 1, 1, 9, rate, 500, None, throttled_by, "replica-lag", 4.0, 10.0, "s", 4.0,
    )  # fmt: skip


def test_a_line_is_broken_where_nobody_worked() -> None:
    """It stays within its frame; a limit is a line of its own, and a band is where it was held back."""
    rate, lag = charts([_sample(600, 10), _sample(570, 20, "replica-lag"), _sample(30, 5)], NOW)
    assert (rate.title, rate.most, rate.last) == ("Rows per second", "20", "5")
    assert [pen for pen in rate.path if pen.isalpha()] == ["M", "L", "M"]
    numbers = [tuple(map(float, point)) for point in re.findall(r"([\d.]+) ([\d.]+)", rate.path)]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in numbers)
    ((begin, end),) = rate.bands
    assert begin < end < WIDTH
    assert lag.limit is not None
    assert 0 < lag.limit < HEIGHT


def test_without_two_samples_there_is_no_line() -> None:
    """Nor of what is older than what is shown."""
    assert charts([], NOW) == ()
    assert charts([_sample(30, 5)], NOW) == ()
    assert charts([_sample(20_000, 5), _sample(30, 5)], NOW) == ()


async def test_thousands_of_changes_are_pages_of_fifty() -> None:
    """By what is asked for; what is over is shown to those who ask."""

    def over(number: int) -> Summary:
        word = "purged" if number % 2 else "rolled back"
        return Summary(
            number, f"{number:04}_c", "drop-column", "t", word, "contract", False, None, None, None, None,
            None, None, NOW, 0, "purged", None, False, None, None, "ada", NOW,
        )  # fmt: skip

    poller = Poller("shop", lambda: None)  # type: ignore[arg-type, return-value] # it never looks
    poller.seen = Seen(NOW, over={each.name: each for each in map(over, range(1200))})
    transport = httpx.ASGITransport(web.build(Serving(), {"shop": poller}, "ec serve"))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:

        async def rows(query: str) -> list[str]:
            return re.findall(r'scope="row".*?>(\w+)</a>', (await client.get(f"/{query}")).text)

        assert await rows("") == []
        assert len(await rows("?all=1")) == 50
        assert (await rows("?all=1&page=24"))[-1] == "1199_c"
        assert await rows("?all=1&page=25") == []
        assert await rows("?all=1&page=zero&q=0007") == ["0007_c"]
        assert (await rows("?state=purged"))[:2] == ["0001_c", "0003_c"]
        assert "600 purged" in (await client.get("/")).text
