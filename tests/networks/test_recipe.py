import pytest

from effective_sparsity.errors import UserError
from effective_sparsity.networks.recipe import Recipe


@pytest.fixture
def recipe():
    """Function that gives a recipe, with the settings in its arguments changed."""

    def make(**settings):
        defaults = {
            "steps": 60,
            "batch_size": 20,
            "learning_rate": 0.05,
            "milestones": (40,),
            "weight_decay": 1e-3,
            "evaluate_every": 25,
            "augmentation": "none",
        }
        return Recipe(**defaults | settings)

    return make


def test_rate_drops_tenfold_from_each_milestone_on(recipe):
    schedule = recipe(steps=10, learning_rate=0.5, milestones=(3, 7))
    assert [schedule.rate(step) for step in (0, 2, 3, 6, 7, 9)] == pytest.approx(
        [0.5, 0.5, 0.05, 0.05, 0.005, 0.005]
    )


def test_scaling_moves_milestones_in_proportion(recipe):
    full = recipe(steps=96_000, milestones=(25_000, 50_000, 75_000))
    short = full.scaled_to(960)
    assert (short.steps, short.milestones) == (960, (250, 500, 750))
    assert full.scaled_to(96_000) == full


def test_scaling_to_very_few_steps_stays_valid(recipe):
    short = recipe(steps=96_000, milestones=(10, 25_000, 25_010, 50_000)).scaled_to(4)
    assert short.milestones == (1, 2)


def test_evaluates_at_intervals_and_at_the_end(recipe):
    schedule = recipe(steps=60, evaluate_every=25)
    assert [step for step in range(1, 61) if schedule.evaluates_after(step)] == [25, 50, 60]


@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 0},
        {"steps": 1.5},
        {"batch_size": 1},
        {"evaluate_every": 0},
        {"learning_rate": -0.1},
        {"weight_decay": float("nan")},
        {"milestones": (30, 20)},
        {"milestones": (0, 20)},
        {"augmentation": "mirror"},
    ],
)
def test_impossible_settings_are_refused_by_name(recipe, settings):
    (key,) = settings
    with pytest.raises(UserError, match=key):
        recipe(**settings)
