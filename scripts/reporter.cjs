/**
 * The tests' reporter: mocha's list of sentences, then what was skipped, then mocha's summary with what failed and why, then
 * the line `N passed, N failed`. What failed stands last, since a log is often kept by its end alone.
 */
const { reporters } = require("mocha");

module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    runner.on("pending", (test) => this.skipped.push(test.fullTitle()));
  }

  epilogue() {
    if (this.skipped.length > 0) console.log(`Skipped:\n${this.skipped.map((title) => `  - ${title}`).join("\n")}`);
    super.epilogue();
    const { passes, failures } = this.stats;
    const skipped = this.skipped.length > 0 ? `, ${this.skipped.length} skipped` : "";
    console.log(`${passes} passed, ${failures} failed${skipped}`);
    process.send?.("phi3lab-tests-ended");
  }
};
