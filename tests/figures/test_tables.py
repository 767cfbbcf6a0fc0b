import pandas as pd

from effective_sparsity.figures.tables import panels, reduced_text, seeds_text


def table(*rows):
    return pd.DataFrame(rows, columns=["architecture", "dataset", "reduced"])


def test_networks_come_in_the_order_of_the_study_and_unknown_ones_last():
    rows = table(("mine", "mnist", ""), ("vgg-16", "cifar10", ""), ("lenet-5", "cifar10", ""))
    assert panels(rows) == [("lenet-5", "cifar10"), ("vgg-16", "cifar10"), ("mine", "mnist")]


def test_the_full_study_has_nothing_to_say():
    assert reduced_text(table(("lenet-5", "cifar10", ""), ("lenet-5", "cifar10", None))) == ""


def test_what_is_true_of_all_networks_is_said_once():
    rows = table(("lenet-5", "cifar10", "10 steps"), ("vgg-16", "cifar10", "10 steps"))
    assert reduced_text(rows) == "Reduced setting: 10 steps (data set cifar10)."


def test_a_network_that_is_reduced_alone_is_named():
    rows = table(("lenet-5", "cifar10", "10 steps"), ("vgg-16", "cifar10", ""))
    assert reduced_text(rows) == "Reduced setting: LeNet-5 on CIFAR-10: 10 steps (data set cifar10)."


def test_the_number_of_seeds_is_a_range_where_it_differs():
    assert seeds_text(pd.Series([3, 3])) == "3 seeds"
    assert seeds_text(pd.Series([1, 3])) == "1 to 3 seeds"
    assert seeds_text(pd.Series([1])) == "1 seed"
