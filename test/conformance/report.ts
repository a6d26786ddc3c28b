/** Prints what fails as it fails, and the totals at the end. */
export class Report {
  #passed = 0;
  #failed = 0;

  /** @param faults  none where the test passed */
  add(name: string, faults: readonly string[]): void {
    if (faults.length === 0) {
      this.#passed += 1;
      return;
    }
    this.#failed += 1;
    process.stdout.write(`FAILED ${name}\n${faults.map((fault) => `  ${fault}\n`).join("")}`);
  }

  close(skippedPlugins: number): void {
    if (skippedPlugins > 0)
      process.stdout.write(`${skippedPlugins} plugins skipped: their compilers are not installed\n`);
    process.stdout.write(`${this.#passed} passed, ${this.#failed} failed\n`);
    process.exitCode = this.#failed === 0 ? 0 : 1;
  }
}
