"""PyTorch's half of the table of weight layouts: writes files as training scripts write them. Needs torch, torchvision.

python weight_layouts.py DIR    one file or folder for each layout, input.npz, and expected.json: logits and pooled
                                features, by PyTorch, of the networks A (one seed) and B (another), as they are, in half
                                precision, and of the ConvNeXt C

What is to come of each file stands in weight_layouts.ts.
"""

import argparse
import collections
import copy
import gzip
import json
import os
import pickle
import sys

import numpy as np
import torch
import torch.nn.utils.prune
from torch.optim.swa_utils import AveragedModel

import layout_parts as parts
from layout_parts import CLASSES, under

A, B, C = parts.narrow(1), parts.narrow(2), parts.convnext(3)
a, b, c = A.state_dict(), B.state_dict(), C.state_dict()


def bare(state):
    """Without the head."""
    return collections.OrderedDict((k, v) for k, v in state.items() if not k.startswith(("fc.", "classifier.")))


def listed(path):
    save = lambda name, value: torch.save(value, path(name))
    optimizer = parts.trained(copy.deepcopy(A))
    args = argparse.Namespace(model="resnet", lr=0.1, device=torch.device("cpu"))
    save("plain.pth", a)
    save("torchvision.pth", {"model": a, "optimizer": optimizer.state_dict(), "epoch": 9, "args": args, "scaler": {}})
    averaged = AveragedModel(B)
    save("torchvision_ema.pth", {"model": a, "model_ema": averaged.state_dict(), "epoch": 9, "args": args})
    save("timm.pth.tar", {
        "epoch": 3, "arch": "resnet18", "state_dict": a, "optimizer": optimizer.state_dict(), "version": 2, "args": args,
        "amp_scaler": {"scale": 65536.0}, "state_dict_ema": b, "metric": np.float64(71.2),
    })
    parts.save_foreign({
        "epoch": 4, "global_step": 100, "pytorch-lightning_version": "1.9.0",
        "state_dict": {**under("model.", a), "criterion.weight": torch.ones(CLASSES), "accuracy.tp": torch.zeros(CLASSES)},
        "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best_model_score": torch.tensor(0.7)}}, "loops": {"fit": {}},
        "optimizer_states": [optimizer.state_dict()], "lr_schedulers": [], "hyper_parameters": parts.Lightning(lr=0.1),
    }, path("lightning.ckpt"))
    save("ddp.pth", {"state_dict": under("module.", a), "epoch": 1})
    save("compiled.pt", under("module._orig_mod.", a))
    save("moco.pth.tar", {
        "epoch": 200, "arch": "resnet50", "optimizer": parts.trained(copy.deepcopy(A)).state_dict(),
        "state_dict": {
            **under("module.encoder_q.", bare(a)), "module.encoder_q.fc.0.weight": torch.zeros(64, 64),
            "module.encoder_q.fc.2.weight": torch.zeros(128, 64), **under("module.encoder_k.", bare(b)),
            "module.queue": torch.zeros(128, 64), "module.queue_ptr": torch.zeros(1, dtype=torch.long),
        },
    })
    head = {"module.head.mlp.0.weight": torch.zeros(64, 64), "module.head.last_layer.weight_g": torch.ones(32, 1)}
    save("dino.pth", {
        "student": {**under("module.backbone.", bare(a)), **head}, "teacher": {**under("backbone.", bare(b))},
        "optimizer": parts.trained(copy.deepcopy(A)).state_dict(), "epoch": 9, "args": args, "dino_loss": {"center": torch.zeros(1, 32)},
    })
    save("swa.pt", averaged.state_dict())
    save("ema_pytorch.pt", {
        "initted": torch.tensor(True), "step": torch.tensor(7), **under("online_model.", a), **under("ema_model.", b),
    })
    os.makedirs(path("hf_resnet"))
    parts.write_safetensors(path("hf_resnet/model.safetensors"), parts.hf_resnet(a), {"format": "pt"})
    with open(path("hf_resnet/config.json"), "w") as file:
        json.dump({"architectures": ["ResNetForImageClassification"], "model_type": "resnet"}, file)
    save("hf_convnext.bin", parts.hf_convnext(c))
    save("timm_convnext.pth", {"state_dict": parts.timm_convnext(c)})
    save("fsdp.pt", {"model": {k.replace(".0.", "._fsdp_wrapped_module.0._checkpoint_wrapped_module.", 1)
                               if k.startswith("layer") else f"_fsdp_wrapped_module.{k}": v for k, v in a.items()}})
    save("fsdp_flat.pt", {"_fsdp_wrapped_module._flat_param": torch.cat([v.flatten().float() for v in a.values()])})
    moments = {"exp_avg": {k: torch.zeros_like(v) for k, v in a.items()}, "exp_avg_sq": {k: v * 0 for k, v in a.items()}}
    save("nested_optimizers.pt", {"optimizers": {"main": {"state": moments}}, "step": 7, "nets": {"encoder": a}})
    save("half.pth", {k: v.half() if v.is_floating_point() else v for k, v in a.items()})
    save("bfloat16.pth", {"model": {k: v.bfloat16() if v.is_floating_point() else v for k, v in a.items()}})
    save("tied.pth", {**under("net.", a), **under("net_alias.", a)})
    save("flat_views.pth", parts.flat_views(a))
    save("channels_last.pth", copy.deepcopy(A).to(memory_format=torch.channels_last).state_dict())
    save("several.pth", {"generator": b, "encoder": {"net": a}})
    torch.save(A, path("whole_model.pth"))
    save("whole_model_in_dict.pt", {"epoch": 3, "model": copy.deepcopy(A).half(), "ema": None})
    torch.save({"state_dict": a}, path("legacy.pth"), _use_new_zipfile_serialization=False)
    parts.write_torch_tar(path("torch_0_1.tar"), a)
    parts.write_safetensors(path("metadata.safetensors"), a, {"format": "pt", "classes": json.dumps(list("vwxyz"))})
    with open(path("detectron2.pkl"), "wb") as file:
        pickle.dump({"model": parts.detectron(a), "__author__": "Detectron2", "matching_heuristics": True}, file)
    np.savez(path("numpy.npz"), **{k: v.numpy() for k, v in a.items()})
    torch.jit.save(torch.jit.script(A), path("scripted.pt"))


def unlisted(path):
    """Layouts that were thought of after everything above was read right."""
    save = lambda name, value: torch.save(value, path(name))
    with open(path("pickled.pkl"), "wb") as file:
        pickle.dump({"state_dict": a, "epoch": 3}, file)
    with open(path("pickled_protocol_5.pkl"), "wb") as file:
        pickle.dump({"weights": {k: v.numpy() for k, v in a.items()}, "score": np.float32(0.5)}, file, protocol=5)
    place = {"conv1": "0", "bn1": "1", **{f"layer{i}": str(i + 3) for i in range(1, 5)}}
    sequential = {".".join([place[k.split(".")[0]], *k.split(".")[1:]]): v for k, v in bare(a).items()}
    save("lightly_sequential.ckpt", {"state_dict": {
        **under("backbone.", sequential), "projection_head.layers.0.weight": torch.zeros(64, 64),
    }})
    trunk = {**under("_feature_blocks.", bare(a))}
    save("vissl.torch", {"classy_state_dict": {"base_model": {"model": {"trunk": trunk, "heads": {}}, "meta": {}}}})
    save("openmmlab.pth", {
        "meta": {"epoch": 1, "CLASSES": tuple("vwxyz")},
        "state_dict": {**under("backbone.", bare(a)), "head.fc.weight": a["fc.weight"], "head.fc.bias": a["fc.bias"]},
    })
    pruned = copy.deepcopy(A)
    torch.nn.utils.prune.l1_unstructured(pruned.conv1, "weight", 0.5)
    save("pruned.pth", pruned.state_dict())
    normed = copy.deepcopy(A)
    torch.nn.utils.parametrizations.spectral_norm(normed.layer1[0].conv1)
    save("parametrized.pth", normed.state_dict())
    quantized = torch.ao.quantization.quantize_dynamic(copy.deepcopy(A), {torch.nn.Linear})
    save("quantized.pth", quantized.state_dict())
    save("frozen_norm.pth", {"model": under("backbone.body.", {k: v for k, v in bare(a).items() if "num_b" not in k})})
    save("diverged.pth", {**a, "bn1.weight": a["bn1.weight"] * float("nan")})
    save("gradients.pth", {"grads": {k: v * 0 for k, v in a.items()}, "params": a})
    save("momentum_first.pth", {"optimizer": {"exp_avg": {k: v * 0 for k, v in a.items()}}, "weights": a})
    save("list_of_states.pth", [{"name": "old", "net": b}, {"name": "new", "net": a}])
    with open(path("plain.pth"), "rb") as file:
        data = file.read()
    with gzip.open(path("plain.pth.gz"), "wb") as file:
        file.write(data)
    with open(path("truncated.pth"), "wb") as file:
        file.write(data[: len(data) // 2])
    open(path("empty.pth"), "wb").close()
    os.makedirs(path("distributed"))
    with open(path("distributed/.metadata"), "wb") as file:
        pickle.dump({"state_dict_metadata": {}}, file)
    with open(path("distributed/__0_0.distcp"), "wb") as file:
        file.write(data)
    shards = list(parts.hf_resnet(a).items())
    os.makedirs(path("hf_sharded"))
    names = {}
    for i, part in enumerate([shards[:20], shards[20:]]):
        name = f"model-0000{i + 1}-of-00002.safetensors"
        parts.write_safetensors(path(f"hf_sharded/{name}"), dict(part), {"format": "pt"})
        names.update({key: name for key, _ in part})
    with open(path("hf_sharded/model.safetensors.index.json"), "w") as file:
        json.dump({"metadata": {"total_size": 1}, "weight_map": names}, file)
    save("lost_tensor.pth", {k: v for k, v in a.items() if k != "layer3.0.bn2.running_var"})
    save("other_width.pth", torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)).state_dict())


def main(folder):
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    np.savez(os.path.join(folder, "input.npz"), x=x.permute(0, 2, 3, 1).contiguous().numpy())
    path = lambda name: os.path.join(folder, name)
    listed(path)
    unlisted(path)
    networks = {"A": A, "B": B, "C": C, "A half": parts.rounded(A, torch.half), "A bfloat16": parts.rounded(A, torch.bfloat16)}
    with open(path("expected.json"), "w") as file:
        json.dump({name: parts.outputs(network, x) for name, network in networks.items()}, file)


if __name__ == "__main__":
    main(sys.argv[1])
