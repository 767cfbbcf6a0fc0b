"""Which published models are understood, at what cost, and whether an independent check agrees.

    python benchmarks/model_coverage.py torchvision timm transformers

Walks all models of torchvision, one of every family of timm, and small random configurations of fifteen
families of transformers (timm and transformers are needed for this script only). Each model is traced in a
process of its own, on one thread; times and limits are of the processor, so that other work on the machine
does not read as failure. What is in the table already is not measured again, unless it failed.

The check is reachability by gradients in float64: kept weights are positive and random, the others 0, biases
and tokens 0, norms and activations are the identity and maximum pools average; where weight times gradient is
not 0 there is a path, so the weight must be active. Softmax and norms that are spelled out mix more units
than the rules say (docs/effective-sparsity.md), and products of gates can vanish; `agreement` is the share of
weights about which both say the same.
"""

import argparse
import importlib
import itertools
import multiprocessing
import resource
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from effective_sparsity.connectivity import Connectivity
from effective_sparsity.storage import replacing

DENSITY = 0.3
LARGEST_CHECK = 4e6  # weights


def torchvision_models():
    from torchvision import models

    video = {"mvit_v1_b": 16, "mvit_v2_s": 16, "swin3d_t": 8, "swin3d_s": 8, "swin3d_b": 8, "s3d": 16}
    for name in models.list_models():
        module = models.get_model_builder(name).__module__.removeprefix("torchvision.models.").split(".")[0]
        options, inputs, conservative = {"weights": None}, (3, 224, 224), False
        if name == "inception_v3":
            inputs = (3, 299, 299)
        if name in ("googlenet", "inception_v3"):
            options["init_weights"] = False
        if module == "quantization":
            options["quantize"] = True
            if name in ("quantized_googlenet", "quantized_inception_v3"):
                options["init_weights"] = False
        elif module in ("segmentation", "detection"):
            options["weights_backbone"] = None
        elif module == "video":
            inputs = (3, video.get(name, 16), *((224, 224) if name in video else (112, 112)))
        elif module == "optical_flow":
            inputs = (torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128))
        if module == "detection":  # otherwise nothing that a random network finds is returned
            options["box_score_thresh" if "rcnn" in name else "score_thresh"] = 0.0
            inputs, conservative = ([torch.rand(3, 320, 320)],), True
        yield name, lambda name=name, o=options: models.get_model(name, **o), inputs, conservative


def timm_models():
    timm = importlib.import_module("timm")  # not declared: nothing else needs it

    for family in timm.list_modules():
        names = timm.list_models(module=family)
        if names:
            name = min(names, key=lambda name: (_rank(name), len(name), name))
            size = timm.get_pretrained_cfg(name)
            shape = tuple(size.input_size) if size else (3, 224, 224)
            yield f"{family}: {name}", lambda name=name: timm.create_model(name), shape, False


def _rank(name):
    """Small variants first."""
    words = ("test_", "atto", "femto", "pico", "nano", "tiny", "xxs", "xs", "small", "_s", "b0", "base")
    return next((i for i, word in enumerate(words) if word in name), len(words))


def transformers_models():
    hf: Any = importlib.import_module("transformers")

    ids = torch.zeros(1, 12, dtype=torch.long)
    text = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    grouped = text | {"num_key_value_heads": 2, "intermediate_size": 48, "use_cache": False}
    encoder = text | {"intermediate_size": 48}
    layers = {"encoder_layers": 2, "decoder_layers": 2, "d_model": 32, "vocab_size": 50}
    layers |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "use_cache": False}
    layers |= {"encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "pad_token_id": 1, "bos_token_id": 2}
    layers |= {"eos_token_id": 3, "decoder_start_token_id": 2}
    image = {"image_size": 32, "patch_size": 8}
    vision = encoder | image
    vision.pop("vocab_size")
    causal = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 50, "use_cache": False}
    seq2seq = {"input_ids": ids, "decoder_input_ids": ids}
    pixels = torch.zeros(1, 3, 32, 32)
    small_bert = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "vocab_size": 50}
    models = {
        "BERT": ("BertForMaskedLM", hf.BertConfig(**encoder), {"input_ids": ids}),
        "RoBERTa": ("RobertaForMaskedLM", hf.RobertaConfig(**encoder), {"input_ids": ids}),
        "DistilBERT": ("DistilBertForMaskedLM", hf.DistilBertConfig(**small_bert), {"input_ids": ids}),
        "GPT-2": ("GPT2LMHeadModel", hf.GPT2Config(**causal), {"input_ids": ids}),
        "GPT-NeoX": ("GPTNeoXForCausalLM", hf.GPTNeoXConfig(**encoder, use_cache=False), {"input_ids": ids}),
        "OPT": (
            "OPTForCausalLM",
            hf.OPTConfig(**text, ffn_dim=48, word_embed_proj_dim=32, use_cache=False),
            {"input_ids": ids},
        ),
        "Llama": ("LlamaForCausalLM", hf.LlamaConfig(**grouped), {"input_ids": ids}),
        "Mistral": ("MistralForCausalLM", hf.MistralConfig(**grouped), {"input_ids": ids}),
        "Mixtral": (
            "MixtralForCausalLM",
            hf.MixtralConfig(**grouped, num_local_experts=4),
            {"input_ids": ids},
        ),
        "Qwen2": ("Qwen2ForCausalLM", hf.Qwen2Config(**grouped), {"input_ids": ids}),
        "T5": (
            "T5ForConditionalGeneration",
            hf.T5Config(
                vocab_size=50, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, use_cache=False
            ),
            seq2seq,
        ),
        "BART": ("BartForConditionalGeneration", hf.BartConfig(**layers), seq2seq),
        "ViT": ("ViTForImageClassification", hf.ViTConfig(**vision), {"pixel_values": pixels}),
        "CLIP": (
            "CLIPModel",
            hf.CLIPConfig(
                text_config=encoder | {"eos_token_id": 49}, vision_config=vision, projection_dim=16
            ),
            {"input_ids": ids, "pixel_values": pixels},
        ),
        "Whisper": (
            "WhisperForConditionalGeneration",
            hf.WhisperConfig(**layers, num_mel_bins=8, max_source_positions=16),
            {"input_features": torch.zeros(1, 8, 32), "decoder_input_ids": ids},
        ),
    }
    for family, (kind, config, inputs) in models.items():
        yield f"{family}: {kind}", lambda k=kind, c=config: getattr(hf, k)(c), inputs, False


def measure(build, inputs, conservative):
    """Columns of the table, from a process of its own."""
    model = build().eval()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    try:
        connectivity = Connectivity(model, inputs)
    except ValueError:
        if not conservative:
            raise
        connectivity = Connectivity(model, inputs, conservative=True)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    weights = sum(torch.Size(shape).numel() for shape in connectivity.shapes.values())
    row = {
        "traced": "conservatively" if connectivity.assumed else "exactly",
        "weights": weights,
        "unreached": len(connectivity.unreached),
        "seconds": round(seconds, 2),
        "peak_mib": peak // 1024,
        "note": ", ".join(connectivity.assumed),
    }
    if weights < LARGEST_CHECK and not connectivity.assumed:
        try:
            row |= check(model, inputs, connectivity)
        except TimeoutError:
            row["note"] = "the check took too long"
        except Exception as error:
            row["note"] = f"the check does not run: {' '.join(str(error).split())[:80]}"
    return row


def check(model, inputs, connectivity):
    torch.manual_seed(0)
    masks = {name: torch.rand(shape) < DENSITY for name, shape in connectivity.shapes.items()}
    active = connectivity.effective_masks(masks)
    model = linear(model).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in masks:
                fan_in = max(1, parameter[0].numel())
                parameter.copy_(masks[name] * (0.5 + torch.rand_like(parameter)) / (fan_in * DENSITY))
            elif name.endswith(("bias", "token")):
                parameter.zero_()
            else:
                parameter.fill_(1.0)
    call(model, inputs).backward()
    same = contradictions = 0
    for name, mask in active.items():
        weight = model.get_parameter(name)
        if weight.grad is not None and not weight.grad.isfinite().all():
            raise OverflowError("sums over paths leave the range of float64")
        reached = torch.zeros_like(mask) if weight.grad is None else weight * weight.grad != 0
        same += int((reached == mask).sum())
        contradictions += int((reached & ~mask).sum())
    total = sum(mask.numel() for mask in active.values())
    return {"agreement": round(same / total, 4), "contradictions": contradictions}


def linear(model):
    """With the identity for norms and activations, and averages for maximum pools."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            kind = type(child).__name__
            if isinstance(child, nn.MaxPool2d):
                new = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
            elif ("Norm" in kind and "Act" not in kind and not list(child.children())) or (
                type(child).__module__ == "torch.nn.modules.activation" and kind != "MultiheadAttention"
            ):
                new = nn.Identity()
            else:
                continue
            setattr(module, name, new)
    return model


def call(model, inputs):
    from effective_sparsity.connectivity.inputs import arguments_of, tensors_of

    def values(_, tensor):
        return torch.ones(tensor.shape, dtype=torch.float64) if tensor.is_floating_point() else tensor

    arguments = arguments_of(inputs, (), torch.float64).replaced(values)
    outputs = model(*arguments.args, **arguments.kwargs)
    return sum(tensor.sum() for _, tensor in tensors_of(outputs) if tensor.requires_grad)


def summary(table):
    """The table in a few lines of Markdown."""
    lines = [
        "| suite | models | exactly | conservatively | not | checked | contradictions | least agreement "
        "| median trace (s) | longest trace (s) |\n" + "| --- " * 10 + "|\n"
    ]
    for suite, rows in table.groupby("suite", sort=False):
        kinds = rows["traced"].value_counts()
        counts = " | ".join(str(kinds.get(kind, 0)) for kind in ("exactly", "conservatively", "no"))
        lines.append(
            f"| {suite} | {len(rows)} | {counts} | {rows['agreement'].count()} "
            f"| {rows['contradictions'].sum():.0f} | {rows['agreement'].min():.2f} "
            f"| {rows['seconds'].median():.2f} | {rows['seconds'].max():.1f} |\n"
        )
    return "".join(lines)


def in_process(send, seconds, *arguments):
    def give_up(*_):
        raise TimeoutError(f"not done in {seconds} s")

    signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        send.send(measure(*arguments))
    except BaseException as error:
        send.send({"traced": "no", "note": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})


def isolated(*arguments):
    """The row of a model, from a process of its own."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=in_process, args=(send, *arguments))
    process.start()
    send.close()
    try:
        row = receive.recv()
    except EOFError:
        row = {"traced": "no", "note": "killed"}
    process.join()
    return row


def main():
    suites = {"torchvision": torchvision_models, "timm": timm_models, "transformers": transformers_models}
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", choices=[*suites, []], default=[*suites])
    parser.add_argument("--csv", type=Path, default=Path("results/reference/coverage/coverage.csv"))
    parser.add_argument("--document", type=Path, help="page whose summary is filled in from the table")
    parser.add_argument("--seconds", type=int, default=300, help="limit for each model, of the processor")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = {}
    if options.csv.exists():
        known = pd.read_csv(options.csv).to_dict("records")
        rows = {(row["suite"], row["model"]): row for row in known if row["traced"] != "no"}
    models = itertools.chain.from_iterable(((s, *model) for model in suites[s]()) for s in options.suites)
    for suite, name, *arguments in models:
        if (suite, name) in rows:
            continue
        rows[suite, name] = {"suite": suite, "model": name, **isolated(options.seconds, *arguments)}
        print(rows[suite, name], flush=True)
        options.csv.parent.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(rows.values()).sort_values(["suite", "model"])
        with replacing(options.csv) as temporary:
            table.to_csv(temporary, index=False)
    text = summary(pd.read_csv(options.csv))
    print(text)
    if options.document:
        before, _, rest = options.document.read_text().partition("<!-- summary -->\n")
        after = rest.partition("<!-- end -->")[2]
        options.document.write_text(f"{before}<!-- summary -->\n{text}<!-- end -->{after}")


if __name__ == "__main__":
    main()
