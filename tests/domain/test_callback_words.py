"""Callback times in words: MISSION P16, the table "Vague callback times", and the phrases on which libraries
fail or answer wrongly with confidence (3 in the night for "next Tuesday at 3")."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import ZonedDateTime

from scheduler.domain.callback_words import NotUnderstood, Window, pick, read_callback
from scheduler.domain.localtime import minute_of
from scheduler.domain.time import DAY, HOUR, MINUTE, Ms

NEW_YORK = "America/New_York"
ZONES = (
    NEW_YORK,
    "America/Phoenix",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
)


def at(text: str, zone: str = NEW_YORK) -> Ms:
    """`2026-11-19 10:30` on the clocks of the zone."""
    moment = ZonedDateTime.parse_iso(text.replace(" ", "T") + f":00{_offset(text, zone)}[{zone}]")
    return moment.timestamp(unit="millisecond")


def _offset(text: str, zone: str) -> str:
    date, clock = text.split()
    year, month, day = (int(part) for part in date.split("-"))
    hour, minute = (int(part) for part in clock.split(":"))
    moment = ZonedDateTime(year, month, day, hour, minute, tz=zone, disambiguation="raise")
    return moment.format_iso()[19:25]


THURSDAY = at("2026-11-19 10:30")


def window(text: str, now_ms: Ms = THURSDAY, zone: str = NEW_YORK) -> Window:
    found = read_callback(text, zone, now_ms)
    assert isinstance(found, Window), f"{text}: {found}"
    return found


def refusal(text: str, now_ms: Ms = THURSDAY) -> str:
    found = read_callback(text, NEW_YORK, now_ms)
    assert isinstance(found, NotUnderstood), f"{text}: {found}"
    return found.what


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        # the rows on which libraries were tried
        ("tomorrow afternoon", "2026-11-20 13:00", "2026-11-20 17:00"),
        ("next Tuesday at 3", "2026-11-24 15:00", "2026-11-24 15:05"),
        ("in 2 hours", "2026-11-19 12:30", "2026-11-19 12:42"),
        ("Monday morning", "2026-11-23 08:00", "2026-11-23 12:00"),
        ("after 5pm", "2026-11-19 17:00", "2026-11-19 21:00"),
        ("Friday between 2 and 4", "2026-11-20 14:00", "2026-11-20 16:00"),
        ("next week", "2026-11-23 08:00", "2026-11-27 19:00"),
        ("tonight", "2026-11-19 18:00", "2026-11-19 21:00"),
        ("call me back in 20 minutes", "2026-11-19 10:50", "2026-11-19 10:55"),
        ("Dec 3rd at noon", "2026-12-03 12:00", "2026-12-03 12:05"),
        ("tomorrow at 9:15 am", "2026-11-20 09:15", "2026-11-20 09:20"),
        ("end of the month", "2026-11-28 08:00", "2026-11-30 19:00"),
        # waits
        ("in an hour and a half", "2026-11-19 12:00", "2026-11-19 12:09"),
        ("in half an hour", "2026-11-19 11:00", "2026-11-19 11:05"),
        ("in 1.5 hours", "2026-11-19 12:00", "2026-11-19 12:09"),
        ("1 hour and 30 minutes from now", "2026-11-19 12:00", "2026-11-19 12:09"),
        ("in a couple of hours", "2026-11-19 12:30", "2026-11-19 12:54"),
        ("in 2 to 3 hours", "2026-11-19 12:30", "2026-11-19 13:30"),
        ("within two hours", "2026-11-19 10:30", "2026-11-19 12:30"),
        ("in three days at 4", "2026-11-22 16:00", "2026-11-22 16:05"),
        ("two weeks from now", "2026-12-03 10:30", "2026-12-03 11:00"),
        ("as soon as possible", "2026-11-19 10:30", "2026-11-19 10:35"),
        # days
        ("tomorrow", "2026-11-20 10:30", "2026-11-20 11:00"),
        ("the day after tomorrow", "2026-11-21 10:30", "2026-11-21 11:00"),
        ("same time next week", "2026-11-26 10:30", "2026-11-26 11:00"),
        ("same time on Friday", "2026-11-20 10:30", "2026-11-20 11:00"),
        ("Friday", "2026-11-20 08:00", "2026-11-20 19:00"),
        ("any time tomorrow", "2026-11-20 08:00", "2026-11-20 19:00"),
        ("later today", "2026-11-19 11:00", "2026-11-19 19:00"),
        ("the weekend", "2026-11-21 08:00", "2026-11-22 19:00"),
        ("end of the week", "2026-11-19 10:30", "2026-11-20 19:00"),
        ("early next week", "2026-11-23 08:00", "2026-11-24 19:00"),
        ("Tuesday next week", "2026-11-24 08:00", "2026-11-24 19:00"),
        ("next week on Tuesday at 2.30pm", "2026-11-24 14:30", "2026-11-24 14:35"),
        ("after the weekend", "2026-11-23 08:00", "2026-11-23 19:00"),
        ("3 December 14:30", "2026-12-03 14:30", "2026-12-03 14:35"),
        ("December twenty-first at two", "2026-12-21 14:00", "2026-12-21 14:05"),
        ("the 3rd at 5", "2026-12-03 17:00", "2026-12-03 17:05"),
        ("the 31st", "2026-12-31 08:00", "2026-12-31 19:00"),
        ("Tuesday the 24th", "2026-11-24 08:00", "2026-11-24 19:00"),
        ("12/25 at 10", "2026-12-25 10:00", "2026-12-25 10:05"),
        ("2026-12-03 at 3pm", "2026-12-03 15:00", "2026-12-03 15:05"),
        # times of day: a bare hour lies in the business day, 8 to 19
        ("at 3", "2026-11-19 15:00", "2026-11-19 15:05"),
        ("at 9", "2026-11-20 09:00", "2026-11-20 09:05"),
        ("at 7", "2026-11-19 19:00", "2026-11-19 19:05"),
        ("tomorrow at 8", "2026-11-20 08:00", "2026-11-20 08:05"),
        ("7 tomorrow morning", "2026-11-20 07:00", "2026-11-20 07:05"),
        ("8 tonight", "2026-11-19 20:00", "2026-11-19 20:05"),
        ("noon", "2026-11-19 12:00", "2026-11-19 12:05"),
        ("half past 4", "2026-11-19 16:30", "2026-11-19 16:35"),
        ("quarter to six", "2026-11-19 17:45", "2026-11-19 17:50"),
        ("at ten to twelve", "2026-11-19 11:50", "2026-11-19 11:55"),
        ("nine fifteen tomorrow", "2026-11-20 09:15", "2026-11-20 09:20"),
        ("15h30", "2026-11-19 15:30", "2026-11-19 15:35"),
        ("at 1530", "2026-11-19 15:30", "2026-11-19 15:35"),
        ("around 3", "2026-11-19 14:45", "2026-11-19 15:15"),
        # ranges and bounds
        ("before noon", "2026-11-19 10:30", "2026-11-19 12:00"),
        ("I'm free until 3", "2026-11-19 10:30", "2026-11-19 15:00"),
        ("tomorrow, but not before 3", "2026-11-20 15:00", "2026-11-20 21:00"),
        ("by 4pm", "2026-11-19 10:30", "2026-11-19 16:00"),
        ("after 10 tomorrow morning", "2026-11-20 10:00", "2026-11-20 12:00"),
        ("Friday after 2 and before 4", "2026-11-20 14:00", "2026-11-20 16:00"),
        ("between 11 and 1pm", "2026-11-19 11:00", "2026-11-19 13:00"),
        ("between 9 and 5 on Monday", "2026-11-23 09:00", "2026-11-23 17:00"),
        ("tomorrow 2-4pm", "2026-11-20 14:00", "2026-11-20 16:00"),
        # parts of the day
        ("this evening", "2026-11-19 17:00", "2026-11-19 21:00"),
        ("this morning", "2026-11-19 10:30", "2026-11-19 12:00"),
        ("in the morning", "2026-11-20 08:00", "2026-11-20 12:00"),
        ("late afternoon", "2026-11-19 15:00", "2026-11-19 17:00"),
        ("first thing Monday", "2026-11-23 08:00", "2026-11-23 10:00"),
        ("anytime after lunch", "2026-11-19 13:00", "2026-11-19 17:00"),
        ("close of business tomorrow", "2026-11-20 16:00", "2026-11-20 18:00"),
    ],
)
def test_p16_the_words_mean_this_window_on_thursday_at_half_past_ten(
    words: str, start: str, end: str
) -> None:
    found = window(words)

    assert (found.start_ms, found.end_ms) == (at(start), at(end)), found.read


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "no time"),
        ("please call me", "no time"),
        ("yesterday", "past"),
        ("two hours ago", "two"),
        ("last Tuesday", "past"),
        ("today at 9am", "passed"),
        ("this Tuesday", "passed"),
        ("2026-11-18", "passed"),
        ("not tomorrow", '"not"'),
        ("never", '"never"'),
        ("don't call me", '"dont"'),
        ("Monday or Tuesday", '"or"'),
        ("any time but Monday", '"but"'),
        ("I'm on a call until 5", '"until"'),
        ("by Friday", '"by"'),
        ("soon", '"soon"'),
        ("later", '"later"'),
        ("tomorrow at 3pm eastern", '"eastern"'),
        ("tomorrow at 3pm in the morning", "not in that part"),
        ("Friday afternoon at 9", "not in that part"),
        ("Tuesday the 25th", "two different days"),
        ("tomorrow and Monday", "two different days"),
        ("at 3 and at 5", "two different times"),
        ("between 5pm and 4pm", "ends before it starts"),
        ("in 20 minutes at 3", "a wait and a time"),
        ("next week at 3", "name the day"),
        ("the weekend in the afternoon", "name the day"),
        ("12/3", "swapped"),
        ("31 February", "no calendar"),
        ("Feb 29", "within a year"),
        ("in 400 days", "a year"),
        ("in a month", "no exact end"),
        ("midnight", "midnight"),
        ("10 to 12", "11:50"),
        ("03:30", "am or pm"),
        ("13 am", "24-hour"),
        ("25:00", "no clock"),
        ("Monday 3", "a number"),
        ("call me at 305 555 0123", "a number"),
        ("+13055550123", "a number"),
        ("tomorrow " * 40, "characters"),
    ],
)
def test_what_is_not_understood_is_said_and_never_guessed(words: str, told: str) -> None:
    said = refusal(words)

    assert told in said
    assert "555" not in said, "what was said may hold a phone number"


def test_p16_tomorrow_afternoon_is_the_next_afternoon_where_the_person_is() -> None:
    now_ms = at("2026-11-19 23:30")  # already Friday in Berlin

    assert window("tomorrow afternoon", now_ms).start_ms == at("2026-11-20 13:00")
    berlin = window("tomorrow afternoon", now_ms, "Europe/Berlin")
    assert berlin.start_ms == at("2026-11-21 13:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "words", "start"),
    [
        ("2026-11-19 15:30", "at 3", "2026-11-20 15:00"),
        ("2026-11-19 18:00", "in the afternoon", "2026-11-20 13:00"),
        ("2026-11-19 15:00", "in the afternoon", "2026-11-19 15:00"),
        ("2026-11-19 22:00", "after 5pm", "2026-11-20 17:00"),
        ("2026-11-19 19:30", "today", "2026-11-19 19:30"),
        ("2026-12-30 10:30", "January 4th at 10", "2027-01-04 10:00"),
        ("2026-11-30 10:30", "the 31st at 2", "2026-12-31 14:00"),
    ],
)
def test_a_time_without_a_day_is_the_next_one_to_come(now: str, words: str, start: str) -> None:
    assert window(words, at(now)).start_ms == at(start)


@pytest.mark.parametrize(
    ("words", "now"), [("this afternoon", "17:00"), ("today", "21:30"), ("tonight", "21:00")]
)
def test_a_part_of_today_that_is_over_is_refused(words: str, now: str) -> None:
    assert "passed" in refusal(words, at(f"2026-11-19 {now}"))


@pytest.mark.parametrize(
    ("surer", "less_sure"),
    [
        ("tomorrow at 3pm", "tomorrow at 3"),
        ("Friday at 3pm", "Friday afternoon"),
        ("Friday afternoon", "Friday"),
        ("this Friday at 3", "next Friday at 3"),  # tomorrow to some, in eight days to most
        ("Friday at 3", "Thursday at 3"),  # said on a Thursday
        ("in 2 hours", "in a couple of hours"),
        ("in a couple of hours", "in a few hours"),
        ("end of next week", "next week"),
        ("next week", "next month"),
        ("at 11", "at 10"),  # today, or tomorrow because today's has passed
    ],
)
def test_the_vaguer_the_words_the_lower_the_confidence(surer: str, less_sure: str) -> None:
    assert 1 >= window(surer).confidence > window(less_sure).confidence > 0


def test_a_time_that_the_clocks_skip_is_the_end_of_the_gap() -> None:
    saturday = at("2027-03-13 12:00")

    found = window("tomorrow at 2:30 am", saturday)

    assert found.start_ms == at("2027-03-14 03:00")
    assert found.end_ms - found.start_ms == 5 * MINUTE


def test_the_same_time_tomorrow_is_by_the_clock_and_hours_by_elapsed_time() -> None:
    saturday = at("2026-10-31 12:00")

    assert window("tomorrow", saturday).start_ms - saturday == 25 * HOUR
    assert window("in 24 hours", saturday).start_ms - saturday == 24 * HOUR


def test_the_read_back_names_day_hours_and_zone() -> None:
    assert window("next Tuesday at 3").read == "Tue 2026-11-24 15:00 to 15:05 America/New_York"
    assert window("next week").read == "Mon 2026-11-23 08:00 to Fri 2026-11-27 19:00 America/New_York"


@given(fraction=st.floats(0, 1, exclude_max=True))
def test_a_window_of_days_is_picked_from_in_business_hours(fraction: float) -> None:
    found = window("next week")

    picked_ms = pick(found, NEW_YORK, fraction)

    assert found.start_ms <= picked_ms < found.end_ms
    assert 8 * 60 <= minute_of(NEW_YORK, picked_ms) < 19 * 60


def test_the_pick_is_uniform_over_the_afternoon() -> None:
    found = window("tomorrow afternoon")

    assert pick(found, NEW_YORK, 0.0) == at("2026-11-20 13:00")
    assert pick(found, NEW_YORK, 0.5) == at("2026-11-20 15:00")
    assert pick(found, NEW_YORK, 0.999) < found.end_ms


FORMS = {
    "24 h": lambda hour, minute: f"{hour}:{minute:02d}",
    "am or pm": lambda hour, minute: f"{hour % 12 or 12}:{minute:02d} {'pm' if hour >= 12 else 'am'}",
    "p.m.": lambda hour, minute: f"{hour % 12 or 12}.{minute:02d} {'P.M.' if hour >= 12 else 'A.M.'}",
    "bare": lambda hour, minute: f"{hour % 12 or 12}:{minute:02d}",
}
LEADS = ("", "call me back ", "please call me ", "could you ring me ", "How about ")


@settings(max_examples=300, deadline=None)
@given(
    now_ms=st.integers(at("2024-01-01 00:00"), at("2037-12-31 00:00")),
    zone=st.sampled_from(ZONES),
    weekday=st.integers(0, 6),
    hour=st.integers(8, 19),
    minute=st.integers(0, 59),
    form=st.sampled_from(sorted(FORMS)),
    lead=st.sampled_from(LEADS),
)
def test_a_weekday_and_a_time_in_any_form_are_that_time_on_the_next_such_day(
    now_ms: Ms, zone: str, weekday: int, hour: int, minute: int, form: str, lead: str
) -> None:
    """Against the standard library's calendar and zones, which the domain does not use."""
    today = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()
    day = today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    meant = datetime.combine(day, time(hour, minute), ZoneInfo(zone))

    found = window(f"{lead}{day:%A} at {FORMS[form](hour, minute)}", now_ms, zone)

    assert found.start_ms == int(meant.timestamp()) * 1000
    assert found.end_ms == found.start_ms + 5 * MINUTE


@settings(max_examples=200, deadline=None)
@given(
    now_ms=st.integers(at("2024-01-01 00:00"), at("2037-12-31 00:00")),
    days=st.integers(0, 363),
    form=st.sampled_from(["%B {day}{th}", "{day} %b", "the {day}{th} of %B", "%Y-%m-%d", "{day} %B %Y"]),
)
def test_a_date_in_any_form_is_that_date(now_ms: Ms, days: int, form: str) -> None:
    day = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(NEW_YORK)).date() + timedelta(days=days + 1)
    ordinal = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day // 10 != 1 else 0, "th")

    found = window(day.strftime(form).format(day=day.day, th=ordinal) + " at 2 pm", now_ms)

    start = datetime.fromtimestamp(found.start_ms / 1000, ZoneInfo(NEW_YORK))
    assert (start.date(), start.hour, start.minute) == (day, 14, 0)


PIECES = """
    tomorrow today tonight friday next this at in after before between and 3 4pm 14:30 noon half past quarter
    to an hour minutes 20 week weekend month end of the morning afternoon evening early late first thing dec
    3rd 2026-12-01 12/25 a couple few same time now anytime - or not last day
"""
phrases = st.lists(st.sampled_from(PIECES.split()), max_size=7).map(" ".join)
instants = st.integers(at("2024-01-01 00:00"), at("2037-12-31 00:00"))


@settings(max_examples=400, deadline=None)
@given(text=st.one_of(phrases, st.text(max_size=60)), now_ms=instants, zone=st.sampled_from(ZONES))
def test_any_text_gives_a_window_from_now_on_or_says_what_it_does_not_understand(
    text: str, now_ms: Ms, zone: str
) -> None:
    found = read_callback(text, zone, now_ms)

    if isinstance(found, NotUnderstood):
        assert found.what
        return
    assert now_ms <= found.start_ms < found.end_ms <= now_ms + 400 * DAY
    assert 0 < found.confidence <= 1
    assert read_callback(text, zone, now_ms) == found
    assert found.start_ms <= pick(found, zone, 0.37) < found.end_ms


@settings(max_examples=200, deadline=None)
@given(words=phrases, now_ms=instants, data=st.data())
def test_case_and_punctuation_change_nothing(words: str, now_ms: Ms, data: st.DataObject) -> None:
    marks = data.draw(
        st.lists(st.sampled_from([" ", ", ", "; ", " … ", "\t", " ! "]), min_size=8, max_size=8)
    )
    decorated = "".join(
        (word.upper() if index % 2 else word.title() if word.isalpha() else word) + marks[index % 8]
        for index, word in enumerate(words.split())
    )

    assert read_callback(decorated + "?!", NEW_YORK, now_ms) == read_callback(words, NEW_YORK, now_ms)
