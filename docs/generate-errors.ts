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
    "<!-- `npm run docs` writes this page from contracts/*-errors.ts. -->",
    "Codes are stable: programs may branch on them, never on texts. `detail` describes the single event.",
    "## In answers to requests",
    [
      "A gateway answers with `application/problem+json` (RFC 9457): `type` is `urn:narun:error:` and the code,",
      "`code` the code itself. A request that may succeed later, unchanged, gets a `Retry-After`.",
      "Calls of gRPC get [a code](grpc.md#codes), with the same code as `reason` of its `ErrorInfo`.",
    ].join("\n"),
    table(
      ["code", "status", "meaning", "remedy", "retry"],
      answered.map(([code, { status, title, solve, retryable }]) => [
        `\`${code}\``,
        String(status),
        title,
        solve,
        retryable === true ? "yes" : "",
      ]),
    ),
    "## Elsewhere",
    [
      "These codes are on the command line, in logs, in status events and announcements. With `--json` a command",
      'prints `{"error":{"code","message","solve"}}` on standard error.',
    ].join("\n"),
    table(
      ["code", "meaning", "remedy"],
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
