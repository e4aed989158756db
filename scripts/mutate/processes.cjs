/** Loaded into Mocha by `npm run mutate`: the processes that a test starts get the fault that is being tried, too. */
exports.mochaHooks = {
  beforeAll() {
    const fault = globalThis.__stryker__?.activeMutant;
    if (fault !== undefined) process.env.__STRYKER_ACTIVE_MUTANT__ = fault;
    else delete process.env.__STRYKER_ACTIVE_MUTANT__;
  },
};
