"""datetime, calendar, time, zoneinfo."""

import calendar
import datetime as dt
import time
import zoneinfo
from datetime import UTC, date, datetime, timedelta, timezone

from corpus import case


@case((date(2024, 2, 29), 366), (date(1999, 12, 31), -1))
def dates(day, n):
    return (
        day + timedelta(n),
        day.isoformat(),
        day.weekday(),
        day.isocalendar()[:],
        day.toordinal(),
        day.replace(day=1),
        day.strftime("%d.%m.%y %j %a %B"),
        day.timetuple()[:],
        day < date.max,
        f"{day:%Y/%m}",
    )


@case((datetime(2024, 3, 1, 12, 30, 15, 250), timedelta(hours=-36, microseconds=5)))
def datetimes(moment, delta):
    return (
        moment + delta,
        moment - (moment + delta),
        moment.isoformat(" ", "milliseconds"),
        moment.date(),
        moment.time(),
        moment.replace(tzinfo=UTC).timestamp(),
        repr(moment),
        moment.ctime(),
    )


@case((2024, 2, 30), (2023, 13, 1), (0, 1, 1))
def dates_that_are_not_there(year, month, day):
    try:
        return date(year, month, day)
    except ValueError as error:
        return type(error).__name__


@case(
    ("2024-02-29",),
    ("20240229T101112",),
    ("2024-W09-4",),
    ("2024-02-29T10:11:12.345678+02:30",),
    ("yesterday",),
)
def iso_texts(text):
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        return str(error)


@case(
    ("29 Feb 2024 13:05", "%d %b %Y %H:%M"),
    ("03/04/05", "%m/%d/%y"),
    ("2024 60 +0130", "%Y %j %z"),
    ("x", "%Y"),
)
def parsed_by_format(text, layout):
    return datetime.strptime(text, layout)


@case((90061, 5), (-1, 7), (0, 1))
def durations(seconds, n):
    delta = timedelta(seconds=seconds, milliseconds=n)
    return (
        delta,
        str(delta),
        delta * n,
        delta / 2,
        delta // timedelta(seconds=7),
        divmod(delta, timedelta(minutes=1)),
        abs(-delta),
        delta.total_seconds(),
        bool(delta),
        -delta,
    )


@case()
def durations_overflow():
    return timedelta.max + timedelta(1)


@case(
    (datetime(2024, 7, 1, 12, tzinfo=UTC), 5.5),
    (datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=-8), "PST")), 0),
)
def fixed_time_zones(moment, hours):
    other = moment.astimezone(timezone(timedelta(hours=hours)))
    return (
        other,
        other == moment,
        other.utcoffset(),
        other.tzname(),
        moment.tzinfo,
        other.isoformat(),
        other.utctimetuple()[:6],
    )


@case()
def naive_and_aware_do_not_mix():
    return datetime(2024, 1, 1) < datetime(2024, 1, 1, tzinfo=UTC)


class Summer(dt.tzinfo):
    def utcoffset(self, moment):
        return timedelta(hours=1) + self.dst(moment)

    def dst(self, moment):
        return timedelta(hours=1) if 4 <= moment.month <= 9 else timedelta(0)

    def tzname(self, moment):
        return "S" if self.dst(moment) else "W"


@case((7,), (12,))
def a_time_zone_of_ones_own(month):
    moment = datetime(2024, month, 1, 12, tzinfo=Summer())
    return moment.isoformat(), moment.tzname(), moment.astimezone(UTC), moment.dst()


@case(("No/Such_Zone",))
def a_zone_that_is_not_there(name):
    try:
        zoneinfo.ZoneInfo(name)
    except zoneinfo.ZoneInfoNotFoundError as error:
        return isinstance(error, KeyError)


@case((dt.time(23, 59, 59, 999999),), (dt.time(0, tzinfo=UTC),))
def times(t):
    return (
        t,
        t.isoformat("minutes"),
        t.replace(hour=1, fold=1),
        t.utcoffset(),
        bool(t),
        t.strftime("%I %p"),
        dt.time.fromisoformat("04:05"),
        datetime.combine(date(2024, 1, 1), t),
    )


@case((2024, 2), (2023, 12))
def calendars(year, month):
    return (
        calendar.monthrange(year, month)[1],
        int(calendar.monthrange(year, month)[0]),
        calendar.monthcalendar(year, month),
        calendar.isleap(year),
        calendar.leapdays(2000, year),
        calendar.TextCalendar(6).formatmonth(year, month),
        [d.day for d in calendar.Calendar().itermonthdates(year, month)][:3],
        calendar.timegm((year, month, 1, 0, 0, 0)),
    )


@case((0,), (1700000000,), (86399,))
def moments_since_the_epoch(seconds):
    parts = time.gmtime(seconds)
    return (
        tuple(parts),
        time.strftime("%Y-%m-%d %H:%M:%S", parts),
        calendar.timegm(parts),
        datetime.fromtimestamp(seconds, UTC),
        time.strptime("30 Nov 00", "%d %b %y")[:3],
    )


@case()
def clocks_do_not_run_backwards():
    first, second = time.monotonic(), time.monotonic()
    return (
        second >= first,
        isinstance(time.time(), float),
        time.perf_counter_ns() >= 0,
        isinstance(datetime.now(UTC), datetime),
    )


@case((0.001,), (0,))
def sleeping(seconds):
    time.sleep(seconds)
    return seconds


@case((-1,))
def sleeping_backwards(seconds):
    time.sleep(seconds)


def easter(year):
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


@case((2000, 2025))
def easter_sundays(first, last):
    return [easter(year) for year in range(first, last, 6)]


@case((date(2024, 1, 31), 13), (date(2023, 3, 30), -1))
def add_months(day, n):
    years, month = divmod(day.month - 1 + n, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
