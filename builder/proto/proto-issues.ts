import { NarunError } from "../../contracts/index.ts";
import { createIssue, formatIssue } from "../build-issue.ts";
import { ProtoError } from "./proto-error.ts";
import { issueOf } from "./proto-message.ts";

/** Reads `.proto` files of a function's folder. Error: BUILD_FAILED, for a file with a fault. */
export async function faultsAsIssues<T>(dir: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ProtoError)) throw error;
    const issue = createIssue(issueOf(error, dir), dir);
    throw new NarunError("BUILD_FAILED", { detail: formatIssue(issue), issues: [issue] });
  }
}
