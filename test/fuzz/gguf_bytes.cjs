/** Pieces of GGUF headers, for inputs to begin with. */

/** Bytes of a metadata value by its type; 0: another way. */
const sizes = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
function u32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
const u64 = (value) => Buffer.concat([u32(value), u32(0)]);
/** An entry of GGUF's metadata. */
const entry = (key, type, value) => Buffer.concat([u64(key.length), Buffer.from(key), u32(type), value]);

/** A GGUF header with more entries, at the front. */
function withEntries(head, ...entries) {
  const count = head.readUInt32LE(16) + entries.length;
  return Buffer.concat([head.subarray(0, 16), u64(count), ...entries, head.subarray(24)]);
}

module.exports = { entry, sizes, u32, u64, withEntries };
