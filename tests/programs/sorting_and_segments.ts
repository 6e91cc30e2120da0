import * as t from "@tessera/tessera/tensor";

const x = t.sin(t.mul(t.arange(24), 1.7));
const groups = t.remainder(t.square(t.arange(24)), 5);
const order = t.argsort(x);
const sorted = t.take(x, order);
const [largest, places] = t.topK(x, 3);
const sums = t.cumsum(sorted);
const rows = t.oneHot(groups, 5);
const totals = t.segmentSum(x, groups, { segments: 5 });
const most = t.segmentMax(x, groups, { segments: 5 });
const put = t.at(t.zeros([5]), [groups]).add(x);
const bins = t.histogram(x, { bins: 4, range: [-1, 1] })[0];
const found = t.searchsorted(sorted, t.tensor([-0.5, 0, 0.5]));
export const result: t.Tensor[] = [order, sorted, largest, places, sums, rows, totals, most, put, bins, found];
