from __future__ import annotations

import io

import numpy as np
import pytest

from model import metrics, plots
from model.dataset import Split
from model.metrics import Resampling
from model.plots import sheet
from model.risk import RiskModel

TEN = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0])
RISING = np.linspace(0.01, 0.10, 10)


@pytest.fixture(scope="module")
def gallery(parts: Split, risk_model: RiskModel) -> dict:
    """Every plot of one test part."""
    test = parts.test
    beside = {"simple rule": np.nan_to_num(test.x[:, 0], nan=99.0)}
    draws = Resampling(test.students, 50, 1)
    return plots.of_test_part(test, risk_model.log_odds(test.x), risk_model.contributions, beside, draws, 0.1)


def shown(figure) -> np.ndarray:
    """The pixels of a figure, drawn small."""
    from matplotlib.image import imread

    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=30, format="png")
    drawn.seek(0)
    return imread(drawn)


def texts(figure) -> str:
    return "\n".join(one.get_text() for one in figure.findobj(lambda artist: hasattr(artist, "get_text")))


def errorbars(axes) -> list:
    return [one for one in axes.containers if type(one).__name__ == "ErrorbarContainer"]


def test_every_plot_of_a_test_part_is_drawn_and_says_what_it_is_of(gallery: dict, parts: Split) -> None:
    assert set(gallery) == {
        "reliability",
        "lift_at_capacity",
        "score_distribution",
        "shap_summary",
        "shap_dependence",
        "precision_recall_by_week",
        "auc_by_week",
    }
    for figure in gallery.values():
        assert f"{parts.test.cases:,} cases of withdrawal within 28 days" in texts(figure)
        assert f"{len(parts.test):,} rows" in texts(figure)


@pytest.mark.filterwarnings("error")
def test_plots_are_drawn_without_a_warning_and_are_not_blank(gallery: dict) -> None:
    for name, figure in gallery.items():
        colours = shown(figure)[..., :3].reshape(-1, 3)
        assert len(np.unique(np.round(colours, 1), axis=0)) > 10, name


def test_drawing_leaves_no_trace_in_the_process() -> None:
    import matplotlib
    from matplotlib._pylab_helpers import Gcf

    before = dict(matplotlib.rcParams)
    shown(plots.score_distribution(TEN, RISING, "ten"))
    assert dict(matplotlib.rcParams) == before
    assert not Gcf.figs


def test_reliability_shows_the_means_of_equal_bins_with_intervals_of_students() -> None:
    figure = plots.reliability(TEN, RISING, np.arange(10), "ten", bins=2)
    upper = figure.axes[0]
    (bins,) = errorbars(upper)
    told, seen = bins.lines[0].get_data()
    assert told == pytest.approx([RISING[:5].mean(), RISING[5:].mean()])
    assert seen == pytest.approx([0.0, 0.4])
    (bars,) = bins.lines[2]
    (_, no_case), (low, high) = ([end[1] for end in segment] for segment in bars.get_segments())
    assert no_case == pytest.approx(1 - 0.5655, abs=1e-3)  # Wilson, 0 of 5
    assert (low, high) == pytest.approx((0.1176, 0.7693), abs=1e-3)  # Wilson, 2 of 5


def test_kin_rows_of_a_student_do_not_make_reliability_surer() -> None:
    one, kin = (np.repeat(values, 4) for values in (TEN, RISING))
    figures = [
        plots.reliability(TEN, RISING, np.arange(10), "", bins=2),
        plots.reliability(one, kin, np.repeat(np.arange(10), 4), "", bins=2),
    ]
    ends = [errorbars(figure.axes[0])[0].lines[2][0].get_segments()[1] for figure in figures]
    assert ends[0] == pytest.approx(ends[1])


def test_recall_and_lift_are_those_of_each_days_list() -> None:
    y = np.tile(TEN, 2)
    best, worst = np.tile(RISING, 2), -np.tile(RISING, 2)
    day, students = np.repeat([1, 2], 10), np.arange(20)
    scores = {"model": best, "rule": worst}
    figure = plots.lift_at_capacity(y, scores, day, 0.3, Resampling(students, 20, 0), "two days")
    left, right = figure.axes
    lines = {line.get_label().split(":")[0]: line for axes in (left,) for line in axes.lines}
    shares, recall = lines["model"].get_data()
    assert recall[list(shares).index(0.3)] == pytest.approx(100)  # both are among the last three of ten
    assert lines["rule"].get_data()[1][list(shares).index(0.3)] == pytest.approx(0)
    lift = next(line for line in right.lines if line.get_label().startswith("model"))
    assert lift.get_label() == "model: 3.3 x at 30 %"
    assert len(left.collections) == 1  # an interval for the model alone


def test_precision_follows_the_list_down_and_thin_groups_are_left_out() -> None:
    y = np.r_[np.tile([1.0, 0.0], 10), np.zeros(20)]
    risk = np.linspace(1, 0, 40)
    groups = np.r_[np.full(20, "01-04"), np.full(20, "05-08")]
    (axes,) = plots.precision_recall(y, risk, groups, "forty").axes
    (label,) = [text.get_text() for text in axes.get_legend().get_texts()]
    assert label.startswith("weeks 01-04: area 0.6")
    curve = axes.lines[0].get_ydata()
    assert curve[-1] == pytest.approx(0.5)


def test_areas_by_group_are_drawn_where_they_are_known() -> None:
    unknown = metrics.Figure(float("nan"))
    areas = {"model": [metrics.Figure(0.8, 0.7, 0.9), unknown], "rule": [metrics.Figure(0.6, 0.3, 0.7), unknown]}
    (axes,) = plots.auc_by_group(["2014-01-05", "2014-01-12"], [12, 3], areas, "a backtest", "origin").axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["2014-01-05\n12 cases", "2014-01-12\n3 cases"]
    assert [one.lines[0].get_ydata()[0] for one in errorbars(axes)] == [0.8, 0.6]
    assert axes.get_ylim()[0] <= 0.3


def test_a_distribution_counts_each_kind_by_itself() -> None:
    (axes,) = plots.score_distribution(TEN, RISING, "ten").axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["no event: 8 rows, half of them above 4.5 %", "event ahead: 2 rows, half of them above 9.0 %"]


def test_the_strongest_feature_is_on_top_and_unknown_values_are_grey() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 3))
    x[:10, 1] = np.nan
    parts = np.column_stack([0.1 * x[:, 0], np.r_[np.full(10, 0.5), x[10:, 1]], np.zeros(50), np.full(50, -3.0)])
    axes = plots.shap_summary(parts, x, ("weak", "strong", "idle"), "fifty", most=2).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["weak", "strong"]  # from the bottom
    sizes = [len(points.get_offsets()) for points in axes.collections if len(points.get_offsets())]
    assert sorted(sizes) == [10, 40, 50]
    grey = next(points for points in axes.collections if len(points.get_offsets()) == 10)
    assert len({tuple(colour) for colour in grey.get_facecolor()}) == 1


def test_dependence_bears_features_that_are_constant_or_unknown() -> None:
    x = np.column_stack([np.zeros(30), np.full(30, np.nan), np.r_[np.full(5, np.nan), np.arange(25.0)]])
    parts = np.column_stack([np.linspace(0, 1, 30)] * 3)
    figure = plots.shap_dependence(parts, x, ("constant", "unknown", "known"), "thirty")
    visible = [axes for axes in figure.axes if axes.get_visible()]
    labels = [axes.get_xlabel() for axes in visible]
    assert labels == ["constant", "unknown\n(box: unknown, 100 %)", "known\n(box: unknown, 17 %)"]
    assert all(0.05 < np.ptp(axes.get_xlim()) < 100 for axes in visible)


def test_the_middle_line_reaches_rare_but_not_single_values() -> None:
    value = np.r_[np.zeros(900), np.ones(90), np.full(9, 2.0), 5.0]
    parts = np.column_stack([value / 10, np.zeros(1000)])
    (line,) = [
        one
        for one in plots.shap_dependence(parts, value[:, None], ("late",), "").axes[0].lines
        if len(one.get_xdata()) > 2
    ]
    assert line.get_xdata() == pytest.approx([0, 1, 2])
    assert line.get_ydata() == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("top", [0.02, 0.12, 0.6, 1.0])
def test_labels_of_a_stretched_axis_do_not_run_into_each_other(top: float) -> None:
    _, (axes,) = sheet.sheet("title", "about", 6, 4)
    sheet.stretch(axes, "y", top)
    places = np.sqrt(axes.get_yticks()) / np.sqrt(top)
    assert len(places) >= 3
    assert np.diff(places).min() > 0.07
