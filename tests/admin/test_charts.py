"""Pictures and figures: what they draw and what they say to who does not see them."""

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from dbhealth.admin.charts import bars, line, sparkline
from dbhealth.admin.format import as_of, badge, duration, number, share, size
from dbhealth.admin.sizes import size_chart

SVG = re.compile(r"<svg.*?</svg>", re.DOTALL)


def drawn(html):
    """Return the picture in a piece of a page, as a tree."""
    (found,) = SVG.findall(html)
    return ElementTree.fromstring(found)  # noqa: S314 - our own


def places(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


def test_a_curve_begins_at_zero_and_its_highest_value_at_the_top():
    picture = drawn(line([(0, 5.0), (10, 10.0)], title="Size", text="It doubles."))
    (curve,) = [it for it in picture.iter() if it.get("class") == "dbh-line"]
    (left, half), (right, top) = places(curve)
    assert (left, right, top) == (4, 636, 4)
    assert half == (156 + 4) / 2
    assert [it.text for it in picture if it.tag in {"title", "desc"}] == ["Size", "It doubles."]
    assert picture.get("role") == "img"


def test_what_lies_ahead_goes_on_from_the_last_point():
    picture = drawn(line([(0, 1.0), (1, 2.0)], title="t", text="t", ahead=[(2, 4.0)]))
    known, ahead = (
        places(it) for it in picture.iter() if it.get("class") in {"dbh-line", "dbh-ahead"}
    )
    assert known[-1] == ahead[0]
    assert ahead[-1] == (636, 4)


def test_two_pictures_of_a_page_do_not_share_the_names_of_their_texts():
    names = [drawn(sparkline([1, 2], "t")).get("aria-labelledby") for _ in range(2)]
    assert names[0] != names[1]


def test_a_sparkline_leaves_gaps_out_and_one_value_is_no_line():
    picture = drawn(sparkline([1, None, 3], "Scans"))
    (curve,) = [it for it in picture.iter() if it.get("class") == "dbh-line"]
    assert len(places(curve)) == 2
    assert sparkline([None, 3], "Scans") == ""


def test_a_sparkline_lies_on_its_floor_or_on_its_lowest_value():
    def heights(**more):
        (curve,) = [it for it in drawn(sparkline([5, 5], "t", **more)).iter() if it.get("points")]
        return {y for _x, y in places(curve)}

    assert heights() == {19}
    assert heights(floor=0.0) == {1}


def test_without_points_there_is_no_picture():
    assert line([], title="t", text="t") == ""


def test_bars_say_their_label_and_are_as_high_as_their_value():
    picture = drawn(bars([("a <1>", 1), ("b", 4)], title="Rows", text="t"))
    low, high = [it for it in picture.iter() if it.tag == "rect"]
    assert float(high.get("height")) == 4 * float(low.get("height"))
    assert low[0].text == "a <1>"
    assert bars([("a", 0)], title="t", text="t") == ""


@pytest.mark.parametrize("look", [[], [(timezone.now(), 5)]])
def test_a_size_known_once_is_no_chart(look):
    assert size_chart("Size", look) == ""


def test_a_size_that_grows_says_where_it_leads():
    now = timezone.now()
    looks = [(now - timedelta(days=20 - day), 2**20 * (10 + day)) for day in range(21)]
    html = size_chart("Size", looks)
    assert "dbh-ahead" in html
    assert "60.0\xa0MB in 30 days" in html
    assert "dbh-ahead" not in size_chart("Size", looks[-3:]), "three days tell nothing"


@pytest.mark.parametrize(
    "said, expected",
    [
        (size(None), "\N{EN DASH}"),
        (number(1234567), "1,234,567"),
        (share(0.5), "50 %"),
        (share(0.012), "1.2 %"),
        (duration(3.21), "3.2 s"),
        (duration(70), "1 min 10 s"),
        (duration(3 * 3600 + 60), "3 h 1 min"),
        (duration(3 * 86_400), "3 days"),
        (as_of(None), "\N{EN DASH}"),
        (badge(""), ""),
    ],
)
def test_figures_are_said_as_people_say_them(said, expected):
    assert said == expected


def test_a_moment_says_how_long_ago_it_is_and_which_it_is():
    moment = timezone.now() - timedelta(hours=3)
    assert "3\xa0hours ago" in as_of(moment)
    assert f'datetime="{moment.isoformat()}"' in as_of(moment)
    assert "just now" in as_of(timezone.now())
