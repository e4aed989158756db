/** The tests' reporter: mocha's list of sentences, then what was skipped, then the line `N passed, N failed`. */
const { reporters } = require("mocha");

module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.skipped = [];
    runner.on("pending", (test) => this.skipped.push(test.fullTitle()));
  }

  epilogue() {
    super.epilogue();
    const { passes, failures } = this.stats;
    if (this.skipped.length > 0) console.log(`Skipped:\n${this.skipped.map((title) => `  - ${title}`).join("\n")}\n`);
    const skipped = this.skipped.length > 0 ? `, ${this.skipped.length} skipped` : "";
    console.log(`${passes} passed, ${failures} failed${skipped}`);
    process.send?.("phi3lab-tests-ended");
  }
};
