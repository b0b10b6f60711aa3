import type { Directory, Enrolment } from "../../contracts/index.ts";
import type { NewKey } from "../../keys/index.ts";
import { formatAge } from "./format-time.ts";
import type { Output } from "./output.ts";

/** The directory as `narun keys ls` shows it. `asked`: keys that wait to be enrolled. */
export function showDirectory(output: Output, directory: Directory, asked: readonly Enrolment[]): void {
  const { network, version, signedAt, validMs } = directory;
  const identities = Object.entries(directory.identities).map(([identity, { kid, services }]) => ({
    identity,
    fingerprint: kid,
    services: services ?? null,
  }));
  const labels = Object.entries(directory.labels).map(([label, { recipients, current, keys }]) => ({
    label,
    recipients,
    current,
    keys: keys.length,
  }));
  const waiting = asked.map(({ identity, kid, askedAt }) => ({ identity, fingerprint: kid, askedAt }));
  const signed = new Date(signedAt).toISOString();
  const validUntil = validMs === undefined ? null : new Date(signedAt + validMs).toISOString();
  if (output.isJson) {
    output.json({ network, version, signedAt: signed, validUntil, identities, labels, waiting });
    return;
  }
  const { bold } = output.colours;
  output.line(`network ${bold(network)}, version ${version}, signed ${formatAge(signed)} ago`);
  output.line();
  output.table(
    [
      { title: "IDENTITY", value: (row) => row.identity, colour: bold },
      { title: "SERVICES", value: (row) => row.services?.join(", ") ?? "all" },
      { title: "FINGERPRINT", value: (row) => row.fingerprint },
    ],
    identities,
  );
  output.line();
  if (labels.length === 0) output.note("No labels yet. `narun keys grant LABEL service:NAME` makes one.");
  else
    output.table(
      [
        { title: "LABEL", value: (row) => row.label, colour: bold },
        { title: "KEYS", value: (row) => String(row.keys), align: "right" },
        { title: "RECIPIENTS", value: (row) => row.recipients.join(", ") || "none" },
      ],
      labels,
    );
  for (const { identity, fingerprint } of waiting)
    output.note(`${identity} asks to be enrolled with the fingerprint ${fingerprint}.`);
}

export function showKey(output: Output, made: NewKey): void {
  if (output.isJson) {
    output.json(made);
    return;
  }
  output.line(`${output.colours.bold(made.identity)}  ${made.file}`);
  output.line(`fingerprint  ${made.fingerprint}`);
  output.note("Enrol it where the root is: `narun keys enrol NAME --fingerprint FINGERPRINT`.");
}
