"""Networks and containers of weight_layouts.py: torchvision's networks, narrowed so that files stay small, and what
libraries that are not installed here would write, by hand, as their sources have it.
"""

import collections
import copy
import io
import json
import pickle
import struct
import sys
import tarfile

import torch
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.resnet import BasicBlock, ResNet

CLASSES = 5


class Narrow(ResNet):
    """ResNet of one block a stage, 8 to 64 channels wide."""

    def __init__(self):
        super().__init__(BasicBlock, [1, 1, 1, 1], num_classes=CLASSES)
        self.fc = torch.nn.Linear(64, CLASSES)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        return super()._make_layer(block, planes // 8, blocks, stride, dilate)


def narrow(seed):
    torch.manual_seed(seed)
    model = Narrow()
    scramble(model, seed)
    return model.eval()


def convnext(seed):
    torch.manual_seed(seed)
    sizes = [CNBlockConfig(8, 16, 1), CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)]
    model = ConvNeXt(sizes, num_classes=CLASSES)
    scramble(model, seed)
    return model.eval()


def scramble(model, seed):
    """Statistics and scales as after training."""
    generator = torch.Generator().manual_seed(seed)
    for key, value in model.state_dict().items():
        if key.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif value.dim() == 1 or key.endswith("layer_scale"):
            value.add_(torch.randn(value.shape, generator=generator) * 0.1)


def outputs(model, x):
    """Logits, and the pooled features before the head."""
    with torch.no_grad():
        head = "fc" if hasattr(model, "fc") else "classifier"
        logits = model(x)
        bare = copy.deepcopy(model)
        setattr(bare, head, torch.nn.Identity())
        return {"logits": logits.tolist(), "features": bare(x).flatten(1).tolist()}


def under(prefix, state):
    return collections.OrderedDict((prefix + key, value) for key, value in state.items())


def trained(model, steps=1):
    """An optimizer with moments."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    for _ in range(steps):
        for p in model.parameters():
            p.grad = torch.ones_like(p) * 1e-12
        optimizer.step()
    return optimizer


def write_safetensors(path, state, metadata):
    """As the library writes it: length, JSON, bytes."""
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    for key, value in state.items():
        size = value.numel() * value.element_size()
        header[key] = {"dtype": names[value.dtype], "shape": list(value.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in state.values():
            raw = value.contiguous()
            raw = raw.view(torch.int16) if raw.dtype == torch.bfloat16 else raw
            file.write(raw.numpy().tobytes())


def hf_resnet(state):
    """transformers' ResNetForImageClassification."""
    out = collections.OrderedDict()
    kinds = {"conv": "convolution", "bn": "normalization"}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] in ("conv1", "bn1"):
            out[f"resnet.embedder.embedder.{kinds[parts[0][:-1]]}.{parts[1]}"] = value
        elif parts[0] == "fc":
            out[f"classifier.1.{parts[1]}"] = value
        else:
            place = f"resnet.encoder.stages.{int(parts[0][5:]) - 1}.layers.{parts[1]}"
            if parts[2] == "downsample":
                out[f"{place}.shortcut.{'convolution' if parts[3] == '0' else 'normalization'}.{parts[4]}"] = value
            else:
                layer = int(parts[2][-1]) - 1
                out[f"{place}.layer.{layer}.{kinds[parts[2][:-1]]}.{parts[3]}"] = value
    return out


def timm_convnext(state):
    """timm's names of torchvision's ConvNeXt; layer scales have one axis there."""
    out = collections.OrderedDict()
    block = {"block.0": "conv_dw", "block.2": "norm", "block.3": "mlp.fc1", "block.5": "mlp.fc2"}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] == "classifier":
            out[f"head.{'norm' if parts[1] == '0' else 'fc'}.{parts[2]}"] = value
            continue
        stage = int(parts[1])
        if stage == 0:
            out[f"stem.{'.'.join(parts[2:])}"] = value
        elif stage % 2 == 0:
            out[f"stages.{stage // 2}.downsample.{'.'.join(parts[2:])}"] = value
        elif parts[3] == "layer_scale":
            out[f"stages.{stage // 2}.blocks.{parts[2]}.gamma"] = value.flatten()
        else:
            out[f"stages.{stage // 2}.blocks.{parts[2]}.{block['.'.join(parts[3:5])]}.{parts[5]}"] = value
    return out


def hf_convnext(state):
    """transformers' ConvNextForImageClassification, from timm's names."""
    out = collections.OrderedDict()
    part = {"gamma": "layer_scale_parameter", "conv_dw": "dwconv", "norm": "layernorm"}
    for key, value in timm_convnext(state).items():
        p = key.split(".")
        if p[0] == "stem":
            out[f"convnext.embeddings.{'patch_embeddings' if p[1] == '0' else 'layernorm'}.{p[2]}"] = value
        elif p[0] == "head":
            out[f"convnext.layernorm.{p[2]}" if p[1] == "norm" else f"classifier.{p[2]}"] = value
        elif p[2] == "downsample":
            out[f"convnext.encoder.stages.{p[1]}.downsampling_layer.{p[3]}.{p[4]}"] = value
        else:
            rest = f"pwconv{p[5][-1]}.{p[6]}" if p[4] == "mlp" else ".".join([part[p[4]], *p[5:]])
            out[f"convnext.encoder.stages.{p[1]}.layers.{p[3]}.{rest}"] = value
    return out


def detectron(state):
    """Detectron2's ResNet: NumPy arrays."""
    out = {}
    for key, value in state.items():
        if key.endswith("num_batches_tracked") or key.startswith("fc"):
            continue
        p = key.split(".")
        head, rest = ("stem", p) if not p[0].startswith("layer") else (f"res{int(p[0][5:]) + 1}.{p[1]}", p[2:])
        if rest[0] == "downsample":
            rest = ["shortcut", *([] if rest[1] == "0" else ["norm"]), rest[2]]
        elif rest[0].startswith("bn"):
            rest = [f"conv{rest[0][2:]}", "norm", rest[1]]
        out[f"{head}.{'.'.join(rest)}"] = value.numpy()
    return out


class Lightning(dict):
    """Stands for lightning's AttributeDict, under its own name in the pickle."""


Lightning.__module__, Lightning.__qualname__ = "pytorch_lightning.utilities.parsing", "AttributeDict"


def save_foreign(value, path):
    """torch.save of an object whose module is not installed: pickled by name alone."""
    module = type(sys)("pytorch_lightning.utilities.parsing")
    module.AttributeDict = Lightning
    for name in ["pytorch_lightning", "pytorch_lightning.utilities", "pytorch_lightning.utilities.parsing"]:
        sys.modules.setdefault(name, module if name.endswith("parsing") else type(sys)(name))
    torch.save(value, path)


class TensorPickler(pickle.Pickler):
    """Names tensors by numbers, as PyTorch 0.1 did."""

    def persistent_id(self, value):
        return value.number if isinstance(value, Numbered) else None


class Numbered:
    def __init__(self, number):
        self.number = number


def write_torch_tar(path, state):
    """The tar archive of PyTorch 0.1, which torch.load still reads: sys_info, storages, tensors and a pickle of names."""
    storages, tensors, names = io.BytesIO(), io.BytesIO(), io.BytesIO()
    pickle.dump(len(state), storages, protocol=2)
    pickle.dump(len(state), tensors, protocol=2)
    for i, value in enumerate(state.values()):
        kind = "Long" if value.dtype == torch.int64 else "Float"
        pickle.dump((i, "cpu", getattr(torch, f"{kind}Storage")), storages, protocol=2)
        storages.write(struct.pack("<q", value.numel()) + value.contiguous().numpy().tobytes())
        pickle.dump((i, i, getattr(torch, f"{kind}Tensor")), tensors, protocol=2)
        sizes = [*value.shape, *value.stride()]
        tensors.write(struct.pack(f"<i4x{len(sizes)}qq", value.dim(), *sizes, 0))
    pickle.dump([], storages, protocol=2)
    TensorPickler(names, protocol=2).dump(collections.OrderedDict((k, Numbered(i)) for i, k in enumerate(state)))
    info = {"protocol_version": 1000, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    files = {"sys_info": pickle.dumps(info, protocol=2), "pickle": names.getvalue()}
    with tarfile.open(path, "w:") as tar:
        for name, data in {**files, "tensors": tensors.getvalue(), "storages": storages.getvalue()}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def flat_views(state):
    """All weights are views of one buffer, as optimizers with flat parameters leave them."""
    floating = {key: value for key, value in state.items() if value.is_floating_point()}
    flat = torch.cat([value.flatten() for value in floating.values()])
    out, at = collections.OrderedDict(), 0
    for key, value in state.items():
        if key not in floating:
            out[key] = value
            continue
        out[key] = flat[at:at + value.numel()].view(value.shape)
        at += value.numel()
    return out


def rounded(model, dtype):
    """The network whose weights went through a smaller type."""
    other = copy.deepcopy(model)
    other.load_state_dict({k: v.to(dtype).to(v.dtype) if v.is_floating_point() else v for k, v in model.state_dict().items()})
    return other
