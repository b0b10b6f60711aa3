import { z } from "zod";
import { parseJson } from "../../contracts/index.ts";

/** A program's answer to `$SRV.PING`. */
const RegistrationSchema = z.looseObject({
  name: z.string(),
  id: z.string(),
  version: z.string().default(""),
  metadata: z.record(z.string(), z.string()).nullish(),
});
export type Registration = z.infer<typeof RegistrationSchema>;

export function registrationOf(payload: Buffer): Registration | undefined {
  return parseJson(payload.toString(), RegistrationSchema);
}

const AnswerSchema = z.looseObject({
  metadata: z.record(z.string(), z.string()).nullish(),
  endpoints: z.array(z.looseObject({ data: z.unknown().optional() })).nullish(),
});

/** A program's answer to discovery, with narun's metadata besides its own, and the figures of its instance in STATS. */
export function discoveryAnswer(
  payload: Buffer,
  metadata: Readonly<Record<string, string>>,
  stats: unknown,
): Buffer {
  const answer = parseJson(payload.toString(), AnswerSchema);
  if (answer === undefined) return payload;
  const isStats = answer.type === "io.nats.micro.v1.stats_response";
  const endpoints = answer.endpoints?.map((endpoint, at) =>
    isStats && at === 0 && endpoint.data == null ? { ...endpoint, data: stats } : endpoint,
  );
  // The node alone tells narun's facts of an instance.
  const own = Object.entries(answer.metadata ?? {}).filter(([key]) => !key.startsWith("narun."));
  const merged = { ...answer, metadata: { ...Object.fromEntries(own), ...metadata } };
  return Buffer.from(JSON.stringify(endpoints === undefined ? merged : { ...merged, endpoints }));
}
