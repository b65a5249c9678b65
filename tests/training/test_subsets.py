import itertools
import random

from kun_recipes.data.pairs import Pair, split_pairs
from kun_recipes.training.subsets import in_subset_order, take

SIZES = (9, 26, 39, 52, 100, 200, 360)


def some_seeds(number):
    return [Pair(f"问题{index}", "答", f"f:{index}") for index in range(number)]


def test_subsets_are_nested():
    subsets = [take(some_seeds(400), size)[0] for size in SIZES]
    assert [len(subset) for subset in subsets] == list(SIZES)
    for smaller, larger in itertools.pairwise(subsets):
        assert larger[: len(smaller)] == smaller


def test_a_subset_does_not_depend_on_the_order_of_the_files():
    seeds = some_seeds(400)
    shuffled = random.Random(1).sample(seeds, len(seeds))
    assert shuffled != seeds
    assert take(shuffled, 52) == take(seeds, 52)


def test_rows_added_elsewhere_keep_the_order_of_the_others():
    few = some_seeds(100)
    assert [seed for seed in in_subset_order(some_seeds(300)) if seed in set(few)] == in_subset_order(few)


def test_the_order_is_known():
    """Kept from release to release: another order would make another 9k."""
    assert [seed.instruction for seed in in_subset_order(some_seeds(6))] == [
        "问题3",
        "问题1",
        "问题0",
        "问题4",
        "问题2",
        "问题5",
    ]


def test_the_order_is_independent_of_the_held_out_split():
    seeds = some_seeds(2000)
    subset = take(seeds, 1000)[0]
    held_out = set(split_pairs(seeds, 0.1)[1])
    assert 60 <= sum(seed in held_out for seed in subset) <= 140  # by the split's own hash it would be 0 or all


def test_what_does_not_fit_is_passed_over_and_the_rest_is_not_asked():
    seeds = some_seeds(20)
    order = in_subset_order(seeds)
    asked = []

    def fits(seed):
        asked.append(seed)
        return seed != order[1]

    assert take(seeds, 3, fits) == ([order[0], order[2], order[3]], [order[1]], order[4:])
    assert asked == order[:4]


def test_all_that_fit_where_no_number_is_given_or_too_many_are_wanted():
    seeds = some_seeds(5)
    assert take(seeds, None) == take(seeds, 9) == (in_subset_order(seeds), [], [])
