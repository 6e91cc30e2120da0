"""torchvision's half of the check of classifiers. Needs torch, torchvision and Pillow.

train JOB    trains a network of torchvision, and saves it as its own training script does
score JOB    from the bytes of the files to logits; compares what the commands made of the same files and weights

JOB is a JSON file: model, classes (names), images ([path, label] each), size, cropRatio, filter, steps, weights (file),
and, to score, what the commands wrote: predicted, evaluated, confusion, embedded; tensors is where inputs and logits go.
"""

import argparse
import csv
import json
import sys

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

torch.set_num_threads(2)
NORMALISE = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def build(job):
    torch.manual_seed(0)
    return getattr(torchvision.models, job["model"])(weights=None, num_classes=len(job["classes"]))


def load_images(job):
    """The transform of torchvision's references for classification."""
    transform = transforms.Compose([
        transforms.Resize(int(job["size"] / job["cropRatio"]), InterpolationMode(job["filter"])),
        transforms.CenterCrop(job["size"]),
        transforms.ToTensor(),
        NORMALISE,
    ])
    return torch.stack([transform(Image.open(path).convert("RGB")) for path, _ in job["images"]])


def train(job):
    model, images = build(job).train(), load_images(job)
    labels = torch.tensor([label for _, label in job["images"]])
    adam = job["model"].startswith("convnext")
    parameters = model.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=1e-3) if adam else torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30)
    generator = torch.Generator().manual_seed(1)
    losses = []
    for _ in range(job["steps"]):
        chosen = torch.randperm(len(images), generator=generator)[:32]
        loss = torch.nn.functional.cross_entropy(model(images[chosen]), labels[chosen], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    checkpoint = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
        "epoch": 0,
        "args": argparse.Namespace(model=job["model"], lr=0.02, output_dir="."),
    }
    torch.save(checkpoint, job["weights"])
    return {"first": losses[0], "last": losses[-1]}


def outputs(model, images):
    """Logits, and the pooled maps that they are made of."""
    pooled = []
    handle = model.avgpool.register_forward_hook(lambda _module, _input, output: pooled.append(output.flatten(1)))
    with torch.no_grad():
        logits = torch.cat([model(part) for part in images.split(64)])
    handle.remove()
    return logits, torch.cat(pooled)


def difference(got, expected):
    """The largest difference, absolute or over the largest magnitude, whichever is more."""
    scale = min(1.0, float(np.abs(expected).max()))
    return float(np.abs(np.asarray(got, np.float64) - expected).max() / scale)


def check_predicted(job, logits):
    with open(job["predicted"]) as file:
        rows = {row["file"]: row for row in json.load(file)}
    rows = [rows[path] for path, _ in job["images"]]
    probabilities = torch.softmax(logits.double(), 1).numpy()
    named = [{job["classes"].index(best["class"]): best["probability"] for best in row["predictions"]} for row in rows]
    wrong = max(abs(p - probabilities[i][k]) for i, best in enumerate(named) for k, p in best.items())
    first = [row["predictions"][0]["index"] for row in rows]
    return {
        "images": len(rows),
        "logits": difference([row["logits"] for row in rows], logits.double().numpy()),
        "top1": int(np.sum(np.array(first) == logits.argmax(1).numpy())),
        "probabilities": float(wrong),
    }


def check_evaluated(job, logits):
    labels = torch.tensor([label for _, label in job["images"]])
    with open(job["evaluated"]) as file:
        result = json.load(file)
    with open(job["confusion"]) as file:
        table = list(csv.reader(file))
    assert table[0][1:] == job["classes"] and [row[0] for row in table[1:]] == job["classes"], table
    counts = np.zeros([len(job["classes"])] * 2, int)
    np.add.at(counts, (labels.numpy(), logits.argmax(1).numpy()), 1)
    recalls = [row["recall"] for row in result["classes"]]
    top5 = logits.topk(min(5, logits.shape[1]), 1).indices
    return {
        "images": result["images"],
        "top1": abs(result["top1"] - float((logits.argmax(1) == labels).double().mean())),
        "top5": abs(result["top5"] - float((top5 == labels[:, None]).any(1).double().mean())),
        "loss": abs(result["loss"] - float(torch.nn.functional.cross_entropy(logits.double(), labels))),
        "recall": difference(recalls, counts.diagonal() / counts.sum(1)),
        "confusion": int(np.abs(np.array([row[1:] for row in table[1:]], int) - counts).sum()),
        "right": int((logits.argmax(1) == labels).sum()),
    }


def check_embedded(job, features):
    saved = np.load(job["embedded"], allow_pickle=False)
    order = {str(name): row for row, name in enumerate(saved["files"])}
    rows = saved["features"][[order[path] for path, _ in job["images"]]]
    return difference(rows, features.double().numpy())


def score(job):
    model = build(job).eval()
    saved = torch.load(job["weights"])
    model.load_state_dict(saved.get("model", saved), strict=True)
    images = load_images(job)
    logits, features = outputs(model, images)
    np.savez(job["tensors"], images=images.numpy(), logits=logits.numpy())
    return {
        "predicted": check_predicted(job, logits),
        "evaluated": check_evaluated(job, logits),
        "embedded": check_embedded(job, features),
    }


if __name__ == "__main__":
    with open(sys.argv[2]) as file:
        job = json.load(file)
    print(json.dumps({"train": train, "score": score}[sys.argv[1]](job)))
