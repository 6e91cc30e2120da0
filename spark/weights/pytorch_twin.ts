/** @file The PyTorch twin of a ResNet: a short program that builds it, loads its weights and checks them. */
import type { ResNetShape } from "./network_shape.ts";

/** What the twin is to check. */
export interface TwinCheck {
  /** Height and width of the input, `linspace(-2, 2)` over `[1, C, H, W]`. */
  readonly inputSize: readonly [number, number];
  /** The first numbers of what the network makes of it: logits, or means of the last map without a head. */
  readonly expected: readonly number[];
}

/** File, network, and what is checked. */
export interface TwinOptions extends TwinCheck {
  /** Name of the file of weights beside the program. */
  readonly file: string;
  /** Name of the model. */
  readonly name: string;
  /** Its sizes. */
  readonly shape: ResNetShape;
}

const list = (numbers: readonly number[]): string => `[${numbers.join(", ")}]`;

/** Channels that a block puts out, in Python. */
const outOf = ({ block }: ResNetShape): string => block === "bottleneck" ? "4 * width" : "width";

function blockText(shape: ResNetShape): string {
  const width = outOf(shape);
  const kernels = shape.block === "bottleneck"
    ? "[(cin, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1)]"
    : "[(cin, width, 3, stride), (width, width, 3, 1)]";
  return `class Block(nn.Module):
    def __init__(self, cin, width, stride):
        super().__init__()
        self.kernels = ${kernels}
        for i, (a, b, k, s) in enumerate(self.kernels, 1):
            self.add_module(f"conv{i}", nn.Conv2d(a, b, k, s, k // 2, bias=False)), self.add_module(f"bn{i}", nn.BatchNorm2d(b))
        cut = nn.Sequential(nn.Conv2d(cin, ${width}, 1, stride, bias=False), nn.BatchNorm2d(${width}))
        self.downsample = cut if stride > 1 or cin != ${width} else nn.Identity()

    def forward(self, x):
        y = x
        for i in range(1, len(self.kernels) + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y if i == 1 else y.relu()))
        return (y + self.downsample(x)).relu()
`;
}

function networkText(file: string, shape: ResNetShape): string {
  const { stem, inChannels, stemWidth, depths, widths, classes } = shape;
  const [kernel, padding] = stem === "standard" ? [7, 3] : [3, 1];
  const pool = stem === "standard" ? "\n    parts.update(maxpool=nn.MaxPool2d(3, 2, 1))" : "";
  const head = classes === null ? "" : `\n    parts.update(fc=nn.Linear(cin, ${classes}))`;
  const load = file.endsWith(".safetensors")
    ? `__import__("safetensors.torch").torch.load_file(path)`
    : `torch.load(path, map_location="cpu")`;
  const path = `os.path.join(os.path.dirname(os.path.abspath(__file__)), ${JSON.stringify(file)})`;
  return `def network(path=${path}):
    parts = dict(conv1=nn.Conv2d(${inChannels}, ${stemWidth}, ${kernel}, 2, ${padding}, bias=False), bn1=nn.BatchNorm2d(${stemWidth}), relu=nn.ReLU())${pool}
    cin = ${stemWidth}
    for i, (depth, width) in enumerate(zip(${list(depths)}, ${list(widths)})):
        sizes = [(cin, 2 if i > 0 else 1)] + [(${outOf(shape)}, 1)] * (depth - 1)
        parts[f"layer{i + 1}"] = nn.Sequential(*[Block(a, width, stride) for a, stride in sizes])
        cin = ${outOf(shape)}
    parts.update(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten())${head}
    model = nn.Sequential(collections.OrderedDict(parts)).eval()
    model.load_state_dict(${load}, strict=True)
    return model
`;
}

/**
 * Writes the program.
 *
 * @param options File, network, and what is checked.
 * @returns Python for PyTorch 1.6 and later, without torchvision; weights have torchvision's names.
 */
export function pytorchTwin({ file, name, shape, inputSize, expected }: TwinOptions): string {
  const program = file.replace(/\.\w+$/, ".py");
  return `"""${name} in PyTorch: \`python3 ${program}\` loads ${file} and checks it; network() is the loaded model."""
import collections, os, torch
from torch import nn

${blockText(shape)}
${networkText(file, shape)}
if __name__ == "__main__":
    size, expected = (1, ${shape.inChannels}, ${inputSize.join(", ")}), torch.tensor(${list(expected)})
    with torch.no_grad():
        found = network()(torch.linspace(-2, 2, size[1] * size[2] * size[3]).reshape(size))[0, :len(expected)]
    error = ((found - expected).abs().max() / expected.abs().max()).item()
    print(f"largest error {error:.1e} of 1e-04:", "ok" if error < 1e-4 else "FAILED")
    raise SystemExit(0 if error < 1e-4 else 1)
`;
}
