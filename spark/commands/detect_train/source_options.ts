/** What is trained on, and what it starts from. */
export const SOURCE_OPTIONS = {
  data: {
    kind: "text",
    placeholder: "PATH",
    what: "a file, a folder or scene-paste",
    help:
      "COCO's JSON, a folder of such files and images or of Pascal VOC's XML, or scene-paste, emoji pasted on backgrounds",
    default: "scene-paste",
  },
  val: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a folder",
    help: "annotations to evaluate on (default: those beside --data, else a tenth of its images, not trained on)",
    default: null,
  },
  images: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "folder of the images of --data (default: found beside it)",
    default: null,
  },
  valImages: {
    kind: "text",
    placeholder: "FOLDER",
    what: "a folder",
    help: "folder of the images to evaluate on (default: found beside them)",
    default: null,
  },
  init: {
    kind: "text",
    placeholder: "PATH",
    what: "a file or a run folder",
    help: [
      "pre-trained backbone: run folder or checkpoint of deno task pretrain, finetune or detect:train, SparK's .pth, or a file",
      "of timm, torchvision or Detectron2 (default: fresh weights)",
    ],
    default: null,
  },
} as const;
