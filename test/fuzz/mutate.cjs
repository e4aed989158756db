/**
 * Makes inputs of others: bytes changed, moved and repeated; JSON changed as a tree; templates changed by their tokens; two
 * joined to one; words of the reader's sources put in.
 */
const { templateMutator } = require("./mutate_template.cjs");

/** Numbers that are the same at every run of one seed. */
function randomOf(seed) {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const interesting = [
  0,
  1,
  2,
  7,
  8,
  9,
  31,
  32,
  64,
  127,
  128,
  255,
  256,
  4096,
  32767,
  65535,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];
const odd = [
  null,
  true,
  false,
  "",
  "a",
  -1,
  0,
  0.5,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 53,
  1e-320,
  [],
  {},
  [[]],
  [null],
  { a: null },
  "\u0000",
  "\ud800",
  "__proto__",
  "constructor",
  [1, 2],
  ["a"],
  "NaN",
  64,
  4096,
];

/**
 * @param {number} seed
 * @param {string[]} words
 * @param {{ kind: "bytes" | "json" | "template", dictionary?: string[] }} target
 * @returns `change` makes an input of one, and of another where it joins two.
 */
function mutator(seed, words, { kind, dictionary = [] }) {
  const random = randomOf(seed);
  const pick = (list) => list[random(list.length)];
  const all = [...words, ...dictionary];
  const word = () => pick(dictionary.length > 0 && random(2) ? dictionary : all);

  const withByte = (b, change) => {
    const at = random(b.length);
    if (b.length > 0) b[at] = change(b[at]);
    return b;
  };
  const changes = [
    (b) => withByte(b, () => random(256)),
    (b) => withByte(b, (old) => old ^ (1 << random(8))),
    (b) => withByte(b, () => pick(interesting) & 255),
    (b) => {
      if (b.length < 4) return b;
      b.writeUInt32LE(pick(interesting) >>> 0, random(b.length - 3));
      return b;
    },
    (b) => {
      if (b.length < 8) return b;
      const at = random(b.length - 7);
      b.writeUInt32LE(pick(interesting) >>> 0, at);
      b.writeUInt32LE(pick([0, 0, 0, 1, 2 ** 31]) >>> 0, at + 4);
      return b;
    },
    (b) => b.subarray(0, random(b.length + 1)),
    (b) => {
      const at = random(b.length + 1);
      return Buffer.concat([b.subarray(0, at), b.subarray(Math.min(b.length, at + 1 + random(16)))]);
    },
    (b) => {
      const at = random(b.length + 1);
      const from = random(b.length + 1);
      return Buffer.concat([b.subarray(0, at), b.subarray(from, from + 1 + random(64)), b.subarray(at)]);
    },
    (b) => {
      const at = random(b.length + 1);
      return Buffer.concat([b.subarray(0, at), Buffer.from(word()), b.subarray(at + (random(2) ? word().length : 0))]);
    },
    (b) => {
      const at = random(b.length + 1);
      const piece = b.subarray(at, at + 1 + random(8));
      return Buffer.concat([b.subarray(0, at), ...Array(1 + random(40)).fill(piece), b.subarray(at)]);
    },
  ];
  const bytes = (input, other) => {
    let made = Buffer.from(input);
    if (random(8) === 0)
      made = Buffer.concat([made.subarray(0, random(made.length + 1)), other.subarray(random(other.length + 1))]);
    for (let i = 1 + random(4); i > 0; i--) made = pick(changes)(made);
    return made;
  };

  /** A place in a tree: its owner and its key. */
  const somewhere = (tree) => {
    let owner = tree;
    for (;;) {
      if (typeof owner !== "object" || owner === null) return undefined;
      const keys = Object.keys(owner);
      if (keys.length === 0) return undefined;
      const key = pick(keys);
      const inner = owner[key];
      const ends = typeof inner !== "object" || inner === null || Object.keys(inner).length === 0;
      // Down the tree, a step at a time: a large list has no more of the changes than what stands beside it.
      if (ends || random(4) === 0) return [owner, key];
      owner = inner;
    }
  };
  const copy = (made) => (typeof made === "object" && made !== null ? JSON.parse(JSON.stringify(made)) : made);
  const oddOne = () => copy(pick(odd));
  const value = () => {
    const sort = random(6);
    if (sort === 0) return word();
    if (sort === 1) return pick(interesting);
    if (sort === 2) return Array.from({ length: random(5) }, oddOne);
    if (sort === 3) return { [word()]: oddOne() };
    return oddOne();
  };
  const put = (owner, key, made) =>
    !(Array.isArray(owner) && key === "length") &&
    Object.defineProperty(owner, key, { value: made, writable: true, enumerable: true, configurable: true });
  const treeChanges = [
    ([owner, key]) => put(owner, key, value()),
    ([owner, key]) => delete owner[key],
    ([owner]) => put(owner, word(), value()),
    ([owner, key], tree) => {
      const [other, name] = somewhere(tree) ?? [owner, key];
      put(owner, key, copy(other[name]));
    },
    ([owner, key]) => {
      if (typeof owner[key] === "number") owner[key] += pick([-1, 1, 0.5, 1e9]);
    },
    ([owner, key]) => {
      const text = owner[key];
      if (typeof text === "string") owner[key] = pick([`${text}${word()}`, word(), text.slice(1)]);
    },
    ([owner, key]) => Array.isArray(owner[key]) && owner[key].push(copy(owner[key][0] ?? null)),
    ([owner, key]) => {
      let made = owner[key];
      for (let i = random(30); i > 0; i--) made = random(2) ? [made] : { [word()]: made };
      put(owner, key, made);
    },
    ([owner, key]) => {
      const old = owner[key];
      delete owner[key];
      put(owner, word(), old);
    },
  ];
  const parsed = (input) => {
    try {
      return JSON.parse(input.toString());
    } catch {
      return undefined;
    }
  };
  /** Takes a part from where it is in another tree, or puts it somewhere. */
  const join = (place, tree, other) => {
    const [from, name] = (other && somewhere(other)) ?? [];
    if (from === undefined) return;
    const [owner, key] = random(2) ? place : (somewhere(tree) ?? place);
    const same = random(2) && name in tree ? [tree, name] : [owner, key];
    put(...same, from[name]);
  };
  /** A JSON text changed as a tree; as bytes where it is none. */
  const json = (input, other) => {
    if (random(6) === 0) return bytes(input, other);
    const tree = parsed(input);
    for (let i = 1 + random(3); i > 0; i--) {
      const place = somewhere(tree);
      if (place === undefined) return bytes(input, other);
      if (random(4) === 0) join(place, tree, parsed(other));
      else pick(treeChanges)(place, tree);
    }
    return Buffer.from(JSON.stringify(tree) ?? "null");
  };
  const template = templateMutator({ random, pick, word, bytes });
  return { change: { bytes, json, template }[kind], random };
}

module.exports = { mutator };
