// What `.ci/run` asks of the reports of vitest:
//   report-results.ts repeat FIRST             the files to run again, one a line
//   report-results.ts report FIRST SECOND MORE…  FIRST with its repeats from SECOND (which may be missing), and other runs
import { existsSync } from "node:fs";
import { counts, failures, filesToRepeat, readResults, withRepeats } from "./test-results.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);

const [action, first = "", second = "", ...others] = process.argv.slice(2);
const once = readResults(first);
if (action === "repeat") for (const file of filesToRepeat(once)) print(file);
if (action === "report") {
  const all = [
    existsSync(second) ? withRepeats(once, readResults(second)) : once,
    ...others.map(readResults),
  ];
  const failed = all.flatMap(failures);
  for (const failure of failed) print(failure);
  const unsteady = failures(once).filter((failure) => !failed.includes(failure));
  if (unsteady.length > 0)
    print("failed beside other tests, passed alone (unsteady: each has a fault to find):");
  for (const failure of unsteady) print(failure);
  print(counts(all));
  process.exitCode = failed.length > 0 ? 1 : 0;
}
