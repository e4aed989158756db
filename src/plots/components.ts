/** Principal components of a few vectors: the directions in which they lie the furthest apart. */

/** Where vectors lie in their first two components. */
export interface Components {
  /** Of each vector, its place in the first and the second component. */
  places: [number, number][];
  /** Each component's share of the variance. */
  shares: [number, number];
}

/**
 * The first two principal components of the rows of (n, d), by the eigenvectors of their inner products, (n, n). Signs are
 * chosen so that the place furthest from 0 is positive.
 */
export function principalComponents(data: ArrayLike<number>, n: number, d: number): Components {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < d; j++) mean[j] = (mean[j] as number) + (data[i * d + j] as number) / n;
  const centred = Float64Array.from({ length: n * d }, (_, i) => (data[i] as number) - (mean[i % d] as number));
  const gram = new Float64Array(n * n);
  for (let a = 0; a < n; a++)
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += (centred[a * d + j] as number) * (centred[b * d + j] as number);
      gram[a * n + b] = sum;
      gram[b * n + a] = sum;
    }
  let trace = 0;
  for (let i = 0; i < n; i++) trace += gram[i * n + i] as number;
  const { values, vectors } = jacobi(gram, n);
  const order = Array.from(values.keys()).sort((a, b) => (values[b] as number) - (values[a] as number));
  const axis = (k: number): number[] => {
    const column = order[k];
    if (column === undefined) return new Array<number>(n).fill(0);
    const length = Math.sqrt(Math.max(0, values[column] as number));
    const places = Array.from({ length: n }, (_, i) => (vectors[i * n + column] as number) * length);
    const furthest = places.reduce((far, one) => (Math.abs(one) > Math.abs(far) ? one : far), 0);
    return furthest < 0 ? places.map((one) => -one) : places;
  };
  const [first, second] = [axis(0), axis(1)];
  const share = (k: number): number =>
    trace > 0 && order[k] !== undefined ? Math.max(0, values[order[k]] as number) / trace : 0;
  return { places: first.map((x, i) => [x, second[i] as number]), shares: [share(0), share(1)] };
}

/** Eigenvalues, and eigenvectors in columns, of a symmetric matrix: Jacobi's rotations, which end when nothing is off the diagonal. */
function jacobi(matrix: Float64Array, n: number): { values: Float64Array; vectors: Float64Array } {
  const a = Float64Array.from(matrix);
  const vectors = new Float64Array(n * n);
  for (let i = 0; i < n; i++) vectors[i * n + i] = 1;
  const get = (list: Float64Array, row: number, column: number): number => list[row * n + column] as number;
  const scale = Math.sqrt(a.reduce((sum, one) => sum + one * one, 0)) || 1;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += get(a, p, q) ** 2;
    if (Math.sqrt(off) <= 1e-12 * scale) break;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(get(a, p, q)) <= 1e-18 * scale) continue;
        const theta = (get(a, q, q) - get(a, p, p)) / (2 * get(a, p, q));
        const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) rotate(a, k * n + p, k * n + q, c, s);
        for (let k = 0; k < n; k++) rotate(a, p * n + k, q * n + k, c, s);
        for (let k = 0; k < n; k++) rotate(vectors, k * n + p, k * n + q, c, s);
      }
  }
  return { values: Float64Array.from({ length: n }, (_, i) => get(a, i, i)), vectors };
}

function rotate(list: Float64Array, p: number, q: number, c: number, s: number): void {
  const [x, y] = [list[p] as number, list[q] as number];
  list[p] = c * x - s * y;
  list[q] = s * x + c * y;
}
