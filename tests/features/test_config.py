import pytest

from features.config import School
from features.errors import BadConfig


def own(tmp_path, name: str, text: str) -> School:
    (tmp_path / "configs").mkdir(exist_ok=True)
    (tmp_path / "configs" / f"{name}.toml").write_text(text, "utf-8")
    return School(tmp_path)


def test_a_schools_own_value_is_laid_over_the_default_and_the_rest_stays(tmp_path):
    school = own(tmp_path, "school", 'time_zone = "Asia/Shanghai"\n[bands]\nhigh = 5\n').config("school")
    assert school["time_zone"] == "Asia/Shanghai"
    assert school["bands"] == {"high": 5, "medium": 0.3}
    assert school["currency"] == "RUB"


def test_the_defaults_hold_without_any_file(tmp_path):
    assert School(tmp_path).zone == "Europe/Moscow"


@pytest.mark.parametrize(
    ("text", "says"),
    [('time_zone = "Moscow"', 'like "Europe/Moscow"'), ("time_zone = \n", "line 1"), ("a = 1\nb = =", "line 2")],
)
def test_a_wrong_file_is_refused_with_its_place_and_mend(tmp_path, text, says):
    with pytest.raises(BadConfig, match=says):
        _ = own(tmp_path, "school", text).zone


def test_a_file_that_is_not_utf8_says_so(tmp_path):
    own(tmp_path, "school", "")
    (tmp_path / "configs" / "school.toml").write_bytes('name = "Школа"'.encode("cp1251"))
    with pytest.raises(BadConfig, match="not UTF-8"):
        School(tmp_path).config("school")
