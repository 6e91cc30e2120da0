import * as t from "@tessera/tessera/tensor";

const key = t.random.key(42);
const [first, second, third, fourth] = t.random.split(key, 4);
const normal = t.random.normal(first, [3]);
const uniform = t.random.uniform(second, [2, 3], { min: -1, max: 1 });
const whole = t.random.randint(third, [5], 0, 10);
const order = t.random.permutation(fourth, 8);
const drawn = t.random.categorical(t.random.foldIn(key, 7), t.log(t.tensor([0.1, 0.2, 0.7])), { shape: [6] });
const chosen = t.random.choice(t.random.foldIn(key, 8), t.tensor([5, 6, 7, 8]), [3]);
const each = t.vmap((key: t.Tensor) => t.random.normal(key, []))(t.stack(t.random.split(key, 5)));
export const result: t.Tensor[] = [normal, uniform, whole, order, drawn, chosen, each];
