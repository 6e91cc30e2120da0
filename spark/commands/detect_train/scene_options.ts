/** What the built-in scenes are like. */
export const SCENE_OPTIONS = {
  scenes: { kind: "whole", least: 1, help: "scene-paste: scenes to learn from", default: 2000 },
  scenesToScore: {
    kind: "whole",
    least: 1,
    help: "scene-paste: scenes to evaluate on, of known emoji and as many of new ones",
    default: 100,
  },
  sceneObjects: {
    kind: "text",
    placeholder: "N,N",
    what: "two numbers",
    help: "scene-paste: least and most objects of a scene",
    default: "2,4",
  },
  sceneScale: {
    kind: "text",
    placeholder: "R,R",
    what: "two numbers",
    help: "scene-paste: least and largest side of an object as a share of the scene's",
    default: "0.2,0.5",
  },
  sceneEmoji: { kind: "whole", least: 1, help: "scene-paste: emoji of each class that are learned from", default: 4 },
} as const;
