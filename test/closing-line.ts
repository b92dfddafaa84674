/** Ends a test run with one plain line, `N passed, N failed`, for whoever reads logs. */
import type { Reporter, TestModule } from 'vitest/node';

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0;
    let failed = errors.length;
    for (const module of modules) {
      if (module.errors().length > 0) failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        else failed += 1; // failed, skipped or never run: nothing here is meant to be skipped
      }
    }
    process.on('exit', () => console.log(`${passed} passed, ${failed} failed`));
  }
}
