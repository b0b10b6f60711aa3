import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The folders of tests that start whole worlds and commands. */
const WHOLE = /^(?:bin|cli|test)\//;

/**
 * The order of test files: whole worlds begin, and the small files of single parts fill the workers at the end. The runner's own
 * order is by the durations of the run before, or by sizes where there was none.
 */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isWhole = ({ moduleId, project }: TestSpecification) =>
      WHOLE.test(moduleId.slice(project.config.root.length + 1));
    const sorted = await super.sort(files);
    const alone = sorted.filter(({ project }) => project.config.isolate);
    const shared = sorted.filter(({ project }) => !project.config.isolate);
    return [...alone, ...shared.filter(isWhole), ...shared.filter((file) => !isWhole(file))];
  }
}
