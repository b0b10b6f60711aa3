/** The actions of a service as endpoints of its NATS Micro service: `nats service info` shows their schemas. */
import { type Action, type ServiceDescription, subjectOfAction } from "../../contracts/index.ts";
import type { MicroEndpoint } from "../../nats/index.ts";

/** Upper bound of the texts of all endpoints: the answer to `$SRV.INFO` is one message, of 1 MiB by default. */
const MAX_METADATA_BYTES = 256 * 1024;
/** Upper bound of one schema. */
const MAX_SCHEMA_BYTES = 32 * 1024;

/** The endpoints of the actions, each with the handler. */
export function actionEndpoints(
  description: ServiceDescription | undefined,
  handle: MicroEndpoint["handle"],
): MicroEndpoint[] {
  let left = MAX_METADATA_BYTES;
  return (description?.actions ?? []).map((action) => {
    const metadata: Record<string, string> = {};
    for (const [key, text] of textsOf(action)) {
      const bytes = Buffer.byteLength(text);
      const isShown = bytes <= MAX_SCHEMA_BYTES && bytes <= left;
      metadata[key] = isShown ? text : `left out: ${bytes} bytes are too many here; /openapi.json has it`;
      if (isShown) left -= bytes;
    }
    return { name: action.name, subject: subjectOfAction(action), metadata, handle };
  });
}

function textsOf(action: Action): [string, string][] {
  const { description, path, method, input, output, errors, isReadOnly, isIdempotent } = action;
  const flags = [isReadOnly && "read-only", isIdempotent && "idempotent"].filter((flag) => flag !== false);
  return [
    ["description", description],
    ["http", path === undefined ? undefined : `${method} ${path}`],
    ["subject", action.subject.includes("{") ? action.subject : undefined],
    ["input", input && JSON.stringify(input)],
    ["output", output && JSON.stringify(output)],
    ["errors", errors.length === 0 ? undefined : JSON.stringify(errors)],
    ["calls", flags.length === 0 ? undefined : flags.join(", ")],
  ].filter((text): text is [string, string] => text[1] !== undefined);
}
