"""Reading histories from CSV files, and errors that name the line and the column."""

import pytest

from recommendations.errors import InvalidHistory
from recommendations.replay.csv_files import read_history

EVENTS = "id,sport,league,country,home_team,away_team,odd,opens_at,begin_timestamp,end_timestamp\n"
COUPONS = "id,user_id,stake,timestamp,event_ids\n"
ONE = "7,football,Premier  League,England,A,B,2.5,2025-06-01T10:00:00,2025-06-02T18:00:00+00:00,2025-06-02T20:00:00Z\n"
OTHER = ONE.replace("7,", "3,", 1)


@pytest.fixture
def read(tmp_path):
    def write_and_read(events=EVENTS + ONE + OTHER, coupons=COUPONS, odds=None):
        files = {"events.csv": events, "coupons.csv": coupons, "odds.csv": odds}
        for name, text in files.items():
            if text is not None:
                (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_history(*(tmp_path / name for name in files if files[name] is not None))

    return write_and_read


def test_events_are_sorted_by_id_and_normalized_as_in_the_database(read):
    history = read()
    assert history.events.ids.tolist() == [3, 7]
    assert history.events.league.name(0) == "PREMIER LEAGUE"
    [decomposed] = read(EVENTS + ONE.replace("England", "Co\u0302te\u00ad d'Ivoire")).events.country.present()
    assert decomposed == "CÔTE D'IVOIRE"
    assert history.opens_at[0] == 1748772000.0  # a time without a zone is UTC


@pytest.mark.parametrize("time", ["2025-06-01 10:00", "20250601T100000Z", "1748772000", "1748772000000"])
def test_times_may_have_each_form(read, time):
    assert read(EVENTS + ONE.replace("2025-06-01T10:00:00", time)).opens_at[0] == 1748772000.0


def test_coupons_are_sorted_by_time(read):
    lines = ["2,1,5,2025-06-01T12:00:00Z,7;3", "1,2,5,2025-06-01T12:00:00Z,3", "9,1,5,2025-06-01T11:00:00Z,7"]
    history = read(coupons=COUPONS + "\n".join(lines))
    assert [(coupon.user_id, coupon.places) for coupon in history.coupons] == [(1, (1,)), (2, (0,)), (1, (1, 0))]


def test_selections_of_unknown_events_are_ignored_and_counted(read):
    history = read(coupons=COUPONS + "1,1,5,2025-06-01T12:00:00Z,7;99;7\n2,1,5,2025-06-01T12:00:00Z,\n")
    assert history.left_out == 1
    assert [coupon.places for coupon in history.coupons] == [(1,), ()]


def test_empty_files_are_an_empty_history(read):
    history = read(events=EVENTS)
    assert (len(history.events), len(history.coupons)) == (0, 0)


def test_odds_changes_are_sorted_by_time(read):
    odds = "event_id,timestamp,odd\n7,2025-06-01T13:00:00Z,3.5\n99,2025-06-01T13:00:00Z,9\n3,2025-06-01T12:00:00Z,1.5\n"
    assert [(each.place, each.odd) for each in read(odds=odds).odds_changes] == [(0, 1.5), (1, 3.5)]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ("id,sport\n", "events.csv, line 1: missing columns: league, country"),
        (EVENTS + ONE.replace("2.5", "cheap"), "events.csv, line 2, column odd: 'cheap' is not a number"),
        (EVENTS + ONE.replace("2.5", "nan"), "line 2, column odd: 'nan' is not a number; must be one such as 2.50"),
        (EVENTS + ONE.replace("2.5", "1e308"), "line 2, column odd: '1e308' is not a number; must be one such as 2.50"),
        (EVENTS + ONE.replace("7,", "1" * 129 + ",", 1), "line 2, column id"),
        (
            EVENTS + ONE.replace("2025-06-02T20:00:00Z", "9999-12-31T23:59:59-23:59"),
            "line 2, column end_timestamp: '9999-12-31T23:59:59-23:59' must lie between 2000 and 2100",
        ),
        (
            EVENTS + ONE.replace("2025-06-01T10:00:00", "0001-01-01T00:00:00+12:00"),
            "line 2, column opens_at: '0001-01-01T00:00:00+12:00' must lie between 2000 and 2100",
        ),
        (EVENTS + ONE.replace("7,", "+7,", 1), "line 2, column id: '+7' is not an id; must be a number from 1, or"),
        (EVENTS + ONE.replace("7,", " 7,", 1), "line 2, column id"),
        (EVENTS + OTHER + ONE + ONE, "line 4, column id: 7 is already used in an earlier line"),
        (
            EVENTS + ONE.replace("2025-06-02T18", "soon"),
            "line 2, column begin_timestamp: 'soon:00:00+00:00' must be a time",
        ),
        (
            EVENTS + ONE.replace("2025-06-02T20", "2025-06-01T20"),
            "column end_timestamp: must not be before begin_timestamp",
        ),
        (EVENTS + "1,FOOTBALL\n", "line 2, column league: is missing"),
        (EVENTS + ONE.replace("\n", ",more\n"), "line 2: the line has too many columns"),
        (EVENTS + OTHER + ONE.replace("Premier", '"Premier') + OTHER, "after line 2: unexpected end of data"),
        (EVENTS + ONE.replace("A,", '"A" United,'), "after line 1: ',' expected after"),
        (
            EVENTS + ONE + ONE.replace("Premier", '"Premier') + ONE * 3 + ONE.replace("League,", 'League",'),
            "lines 3 to 7, column league: a cell of several lines; check for a missing quotation mark",
        ),
        (b"\xff\xfe\x00", "events.csv"),
    ],
)
def test_an_invalid_event_is_reported_with_its_line_and_column(read, events, message):
    with pytest.raises(InvalidHistory) as caught:
        read(events=events)
    assert message in str(caught.value)


def test_an_invalid_coupon_is_reported_with_its_line_and_column(read):
    with pytest.raises(InvalidHistory, match=r"coupons\.csv, line 3, column event_ids: '7; x' is not an id"):
        read(coupons=COUPONS + "1,1,5,2025-06-01T12:00:00Z,7\n2,1,5,2025-06-01T12:00:00Z,7; x\n")


def test_ids_may_be_text(read):
    texts = "sr:match:1,", "sr:match:2,"
    lines = "".join(ONE.replace("7,", text, 1) for text in texts)
    coupons = "1,u:1,5,2025-06-01T12:00:00Z,sr:match:1;sr:match:2\nc:2,u:2,5,2025-06-01T12:00:00Z,sr:match:2;nothing\n"
    history = read(events=EVENTS + lines, coupons=COUPONS + coupons)
    assert [coupon.places for coupon in history.coupons] == [(0, 1), (1,)]
    assert len({coupon.user_id for coupon in history.coupons}) == 2
    assert history.left_out == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,1,1e308,2025-06-01T12:00:00Z,7", "column stake: '1e308' is not a number; must be one such as 2.50"),
        ("1,1,5,0001-01-01T00:00:00+12:00,7", "column timestamp: '0001-01-01T00:00:00+12:00' must lie between"),
        (f"1,{'1' * 129},5,2025-06-01T12:00:00Z,7", "column user_id"),
    ],
)
def test_a_coupons_numbers_and_times_are_bounded(read, line, message):
    with pytest.raises(InvalidHistory) as caught:
        read(coupons=COUPONS + line)
    assert f"coupons.csv, line 2, {message}" in str(caught.value)
