/** What a profile measures. */

/** What one part of the forward pass cost in one layer; -1: outside the layers. */
export interface ProfileEntry {
  part: "embed" | "qkv" | "attention" | "output" | "gate_up" | "down" | "head" | "argmax";
  layer: number;
  calls: number;
  /** Of weights that were read, or of keys and values. */
  bytes: number;
  seconds: number;
}

/** What `stopProfile` gives. */
export interface ProfileResult {
  /** By part in the order of a pass, then by layer. */
  stages: ProfileEntry[];
  /**
   * Where the device records a token's pass and replays it when nothing is timed: how many such passes ran stage by stage
   * instead, and the seconds of these, and of as many when they are replayed, measured afterwards. Else null.
   */
  replays: { passes: number; staged: number; replayed: number } | null;
}
