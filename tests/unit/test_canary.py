"""The rule of a canary: when more is rolled back than before, and when that means nothing."""

from expandcontract.model.canary import Baseline, Sample, alarm, baseline, followed

QUIET = Baseline(rate=0.0, sessions=0)


def course(*rates: int, before: int = 0) -> tuple[Sample, ...]:
    """Return a sample each second, with this many rollbacks in between."""
    found: tuple[Sample, ...] = (Sample(0.0, before),)
    for second, rate in enumerate(rates, start=1):
        found = followed(found, Sample(float(second), found[-1].rollbacks + rate))
    return found


def test_the_baseline_is_what_two_samples_say() -> None:
    """Rollbacks a second, and nothing below zero when somebody reset the counters."""
    assert baseline(Sample(10.0, 100), Sample(20.0, 105), 7) == Baseline(0.5, 7)
    assert baseline(Sample(10.0, 100), Sample(20.0, 3), 0).rate == 0.0


def test_many_failures_at_once_alarm_at_the_next_look() -> None:
    """The sentence has both rates in it."""
    why = alarm(Baseline(0.2, 0), course(0, 50))
    assert why is not None
    assert "50 transactions" in why
    assert "0.2/s before" in why


def test_one_error_for_each_session_is_no_alarm() -> None:
    """A cached plan fails once in each: a hundred sessions, a hundred rollbacks in the first seconds."""
    assert alarm(Baseline(0.0, 100), course(80, 20, *[0] * 20)) is None
    assert alarm(Baseline(0.0, 100), course(80, 20, 11)) is not None


def test_a_little_goes_unnoticed() -> None:
    """Ten of them are no alarm, eleven are, where nothing failed before."""
    assert alarm(QUIET, course(*[1] * 10)) is None
    assert alarm(QUIET, course(*[1] * 11)) is not None


def test_what_failed_before_may_fail_on() -> None:
    """Three times as often is allowed, more is not."""
    noisy = Baseline(rate=10.0, sessions=0)
    assert alarm(noisy, course(*[30] * 60)) is None
    assert alarm(noisy, course(*[31] * 60)) is not None


def test_what_comes_late_shows_in_the_last_half_minute() -> None:
    """Ten quiet minutes do not outweigh it."""
    noisy = Baseline(rate=10.0, sessions=0)
    assert alarm(noisy, course(*[1] * 600, *[40] * 30)) is not None


def test_a_slow_application_is_seen_over_the_whole_time() -> None:
    """One failure each five seconds never fills the last half minute, and is one too many all the same."""
    slow = [1, 0, 0, 0, 0]
    assert alarm(QUIET, course(*slow * 10)) is None
    assert alarm(QUIET, course(*slow * 11)) is not None


def test_counters_that_were_reset_begin_anew() -> None:
    """Neither an alarm nor a pardon comes of it."""
    samples = followed(course(5, before=1_000_000), Sample(10.0, 3))
    assert samples == (Sample(10.0, 3),)
    assert alarm(QUIET, samples) is None
    assert alarm(QUIET, followed(samples, Sample(12.0, 100))) is not None
    assert alarm(QUIET, ()) is None
