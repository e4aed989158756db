/**
 * How often tests repeat what they repeat: `npm test` does it as often as the claim needs, `npm run test:long`, which takes
 * the files that import this, goes on for longer.
 */
const atLength = process.env.PHI3LAB_TEST_LONG === "on";

/** The first in `npm test`, the second in `npm run test:long`. */
export const usually = <T>(short: T, long: T): T => (atLength ? long : short);
