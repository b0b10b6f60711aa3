/** Writes docs/errors.md from the error catalogue: `npm run docs`. */
import { writeFileSync } from "node:fs";
import { type ErrorCode, type ErrorEntry, errorCatalogue } from "../contracts/index.ts";

/** The text of docs/errors.md. */
export function renderErrors(): string {
  const entries = Object.entries(errorCatalogue) as [ErrorCode, ErrorEntry][];
  const answered = entries.filter(([, { status }]) => status !== undefined);
  const others = entries.filter(([, { status }]) => status === undefined);
  return `${[
    "# Errors",
    "<!-- Written by `npm run docs` from contracts/request-errors.ts and contracts/tool-errors.ts. Change it there. -->",
    "Codes are stable: programs may branch on them, never on texts. What happened this time is in the error's detail.",
    "## In answers to requests",
    "A gateway answers with `application/problem+json` (RFC 9457): `type` is `urn:narun:error:` and the code, `code` the code itself. Where the request may succeed later, unchanged, the answer has a `Retry-After`.",
    table(
      ["code", "status", "meaning", "how to solve", "retry"],
      answered.map(([code, { status, title, solve, retryable }]) => [
        `\`${code}\``,
        String(status),
        title,
        solve,
        retryable === true ? "yes" : "",
      ]),
    ),
    "## Elsewhere",
    'On the command line (with `--json` as `{"error":{"code","message","solve"}}` on standard error), in logs, in status events and announcements.',
    table(
      ["code", "meaning", "how to solve"],
      others.map(([code, { title, solve }]) => [`\`${code}\``, title, solve]),
    ),
  ].join("\n\n")}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

if (import.meta.main) writeFileSync(new URL("./errors.md", import.meta.url), renderErrors());
