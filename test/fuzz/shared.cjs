/** The memory that the jobs of one format share with the process that watches them. */

/** Places that counters may have. */
const placesAtMost = 1 << 14;
/** Bytes of an input, at most. */
const largest = 64 * 1024;

/** What all jobs of a format write to. */
function common(buffer = new SharedArrayBuffer(16 + placesAtMost)) {
  return {
    buffer,
    /** Inputs run, and how many they were when the last new edge was found. */
    runs: new Int32Array(buffer, 0, 2),
    /** By place, how often it ran at a time: a bit each for 1, 2, 3, 4–7, 8–15, … 64 and more. */
    seen: new Uint8Array(buffer, 16, placesAtMost),
  };
}

/** What one job runs now. */
function current(buffer = new SharedArrayBuffer(16 + largest)) {
  return {
    buffer,
    /** When it began, by the clock; 0: nothing runs. */
    began: new Float64Array(buffer, 0, 1),
    length: new Uint32Array(buffer, 8, 1),
    bytes: new Uint8Array(buffer, 16, largest),
  };
}

module.exports = { common, current, largest, placesAtMost };
