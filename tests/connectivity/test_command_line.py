import json
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import effective_sparsity as es
from effective_sparsity.__main__ import main

SHAPE = ["--input-shape", "1,4,4"]
MODULE = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))

SHAPE = 4

def number():
    return 3

def of_depth(depth):
    return build()

def activation():
    return nn.ReLU()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["", *sys.path])
    monkeypatch.delitem(sys.modules, "own_networks", raising=False)
    return tmp_path


def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


def test_measure_prints_and_writes_the_report(folder, capsys):
    written = ["--csv", "table.csv", "--json", "table.json"]
    assert main(["measure", "own_networks:build", *SHAPE, *written]) == 0
    assert "4.weight" in capsys.readouterr().out
    expected = es.sparsity_report(build(), (1, 4, 4))
    assert pd.read_csv("table.csv")["n_active"].tolist() == expected["n_active"].tolist()
    assert [row["layer"] for row in json.loads((folder / "table.json").read_text())] == expected[
        "layer"
    ].tolist()


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_measure_reads_an_exported_program_or_a_checkpoint(folder, suffix, capsys):
    model = build().eval()
    with torch.no_grad():
        model[4].weight[1:] = 0
    torch.export.save(torch.export.export(model, (torch.zeros(1, 1, 4, 4),)), "model.pt2")
    save = save_file if suffix == "safetensors" else torch.save
    save(model.state_dict(), f"state.{suffix}")
    assert main(["measure", "model.pt2", *SHAPE, "--csv", "program.csv"]) == 0
    loaded = ["--checkpoint", f"state.{suffix}", "--csv", "state.csv"]
    assert main(["measure", "own_networks:build", *SHAPE, *loaded]) == 0
    assert pd.read_csv("program.csv")["n_kept"].tolist() == [36, 16, 52]
    assert pd.read_csv("state.csv").equals(pd.read_csv("program.csv"))


@pytest.mark.parametrize("pruner", ["lamp", "random-igq", "magnitude-uniform-plus"])
def test_prune_reaches_the_target_and_writes_masks_and_checkpoint(folder, pruner):
    written = ["--masks", "masks.safetensors", "--output", "pruned.safetensors"]
    arguments = ["--pruner", pruner, "--compression", "1.5", *written]
    assert main(["prune", "own_networks:build", *SHAPE, *arguments]) == 0
    masks = load_file("masks.safetensors")
    assert sum(int(active.sum()) for active in es.effective_masks(build(), masks, (1, 4, 4)).values()) >= 56
    state, original = load_file("pruned.safetensors"), build().state_dict()
    assert state.keys() == original.keys()
    for name, tensor in original.items():
        assert torch.equal(state[name], tensor * masks[name] if name in masks else tensor)
    assert main(["prune", "own_networks:build", *SHAPE, *arguments, "--criterion", "direct"]) == 0
    assert sum(int(mask.sum()) for mask in load_file("masks.safetensors").values()) == 56


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["measure", "own_networks:missing"], "own_networks:missing cannot be imported"),
        (["measure", "own_networks:number"], "returned int; it must return a torch.nn.Module"),
        (["measure", "own_networks"], "neither a .pt2 file nor module:function"),
        (["measure", "own_networks:of_depth"], "of_depth() fails (TypeError: of_depth() missing 1 required"),
        (
            ["measure", "own_networks:of_depth(x)"],
            "the arguments in 'own_networks:of_depth(x)' cannot be read",
        ),
        (["measure", "own_networks:build", "--curve", "curve.bmp"], "there is no format '.bmp'; use .png"),
        (["measure", "own_networks:SHAPE"], "SHAPE() fails (TypeError: 'int' object is not callable)"),
        (["measure", "own_networks:activation"], "no linear or convolution operation"),
        (["measure", "absent.pt2"], "there is no file absent.pt2"),
        (["measure", "text.pt2"], "text.pt2 is not a torch.export file; write it"),
        (["measure", "own_networks:build", "--csv", "absent/table.csv"], "absent"),
        (["measure", "own_networks:build", "--checkpoint", "own_networks.py"], "cannot be read"),
        (["measure", "own_networks:build", "--checkpoint", "other.safetensors"], "does not fit the model"),
        (
            ["prune", "own_networks:build", "--pruner", "snip"],
            "not one of those without data: random-uniform",
        ),
        (["prune", "own_networks:activation", "--pruner", "random-igq"], "no linear or convolution layer"),
        (
            ["prune", "own_networks:build", "--pruner", "lamp", "--checkpoint", "nan.safetensors"],
            "scores of 0.weight: 36 are NaN",
        ),
        (
            ["prune", "own_networks:build", "--pruner", "random-igq", "--compression", "1000"],
            "random-igq cannot reach effective compression 1000 on this model; give a smaller one",
        ),
    ],
)
def test_mistakes_are_reported_in_one_line_with_exit_code_2(folder, capsys, arguments, message):
    save_file({"other": torch.zeros(1)}, "other.safetensors")
    save_file(build().state_dict() | {"0.weight": torch.full((4, 1, 3, 3), torch.nan)}, "nan.safetensors")
    (folder / "text.pt2").write_text("text")
    if arguments[0] == "prune":
        written = ["--masks", "m.safetensors", "--output", "p.safetensors"]
        arguments = ["prune", "--compression", "2", *written, *arguments[1:]]
    assert main([*arguments, *SHAPE]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["measure", "--input-shape", "3,x"],
            "--input-shape: '3,x' is not a shape; give the sizes of one sample",
        ),
        (
            ["measure", "--input-shape", "0"],
            "--input-shape: '0' is not a shape; give the sizes of one sample",
        ),
        (["prune", *SHAPE, "--seed", "-1"], "--seed: '-1' is not a seed; give a whole number of at least 0"),
    ],
)
def test_options_that_cannot_be_read_are_refused(folder, capsys, arguments, message):
    with pytest.raises(SystemExit) as refused:
        main([*arguments, "own_networks:build"])
    assert refused.value.code == 2
    assert message in capsys.readouterr().err


def test_prune_reads_weights_of_any_precision(folder):
    (folder / "own_networks.py").write_text(MODULE + "\ndef half():\n    return build().bfloat16()\n")
    written = ["--masks", "masks.safetensors", "--output", "pruned.safetensors"]
    assert (
        main(["prune", "own_networks:half", *SHAPE, "--pruner", "lamp", "--compression", "2", *written]) == 0
    )
    assert load_file("pruned.safetensors")["0.weight"].dtype == torch.bfloat16


def stored(kind, state):
    """The same state in one of the forms in which people keep it; returns the file."""
    first, *others = state
    if kind == "wrapped":
        content = {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}
    elif kind == "masked":
        weight = torch.where(state[first] == 0, 7.0, state[first])
        content = {f"{first}_orig": weight, f"{first}_mask": (state[first] != 0).float()}
        content |= {name: state[name] for name in others}
    elif kind == "sharded":
        save_file({first: state[first]}, "a.safetensors")
        torch.save({name: state[name] for name in others}, "b.bin")
        files = {first: "a.safetensors"} | dict.fromkeys(others, "b.bin")
        Path("model.index.json").write_text(json.dumps({"weight_map": files}))
        return "model.index.json"
    torch.save(content, "state.pt")
    return "state.pt"


@pytest.mark.parametrize("kind", ["wrapped", "masked", "sharded"])
def test_checkpoints_are_read_as_they_are_kept(folder, kind):
    model = build()
    with torch.no_grad():
        model[0].weight[1:] = 0
    state = model.state_dict()
    file = stored(kind, state)
    assert main(["measure", "own_networks:build", *SHAPE, "--checkpoint", file, "--csv", "t.csv"]) == 0
    assert pd.read_csv("t.csv")["n_kept"].tolist() == [9, 48, 57]


def test_a_builder_takes_arguments_and_the_curve_is_drawn(folder):
    arguments = ["own_networks:of_depth(depth=2)", *SHAPE, "--curve", "curve.png"]
    assert main(["measure", *arguments]) == 0
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_named_inputs_come_from_a_file(folder):
    text = "class Text(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    text += "        self.embed, self.head = nn.Embedding(5, 3), nn.Linear(3, 2)\n\n"
    text += "    def forward(self, ids):\n        return self.head(self.embed(ids))\n"
    (folder / "own_networks.py").write_text(f"{MODULE}\n{text}")
    save_file({"ids": torch.zeros(1, 4, dtype=torch.long)}, "inputs.safetensors")
    assert main(["measure", "own_networks:Text", "--inputs", "inputs.safetensors", "--csv", "t.csv"]) == 0
    assert pd.read_csv("t.csv")["n_weights"].tolist() == [15, 6, 21]
