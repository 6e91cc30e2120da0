import { type Tree, treeLeaves } from "../../../tensor/mod.ts";

export const right = (params: Tree): number => treeLeaves(params).length;
export const wrong = (params: Tree): unknown => params.weight; // wrong: fields of a tree are not known
