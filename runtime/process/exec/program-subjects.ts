import { type Capability, capabilitiesOf, type FunctionConfig } from "../../../contracts/index.ts";

/** The subjects of a program besides its service's: its bindings, and its `subscribe`. */
export function subjectsOf(config: FunctionConfig): { publish: string[]; subscribe: string[] } {
  const publish = capabilitiesOf(config).flatMap(publishedBy);
  return { publish, subscribe: (config.subscribe ?? []).map(({ subject }) => subject) };
}

function publishedBy(one: Capability): string[] {
  switch (one.kind) {
    case "publish":
      return [...one.subjects];
    case "service":
      return [one.service, `${one.service}.>`];
    case "kv":
      return [`$KV.${one.bucket}.>`, ...streamSubjects(`KV_${one.bucket}`)];
    case "objects":
      return [`$O.${one.bucket}.>`, ...streamSubjects(`OBJ_${one.bucket}`)];
    case "events":
    // A program publishes by HTTP or NATS of its own; the streams of events are narun's.
    case "ratelimit":
    case "workflow":
      return [];
  }
}

/** The questions that clients ask about a stream. It is made, but neither deleted nor changed. */
function streamSubjects(stream: string): string[] {
  const api = "$JS.API";
  return [
    `${api}.INFO`,
    `${api}.STREAM.INFO.${stream}`,
    `${api}.STREAM.CREATE.${stream}`,
    `${api}.STREAM.MSG.GET.${stream}`,
    `${api}.STREAM.PURGE.${stream}`,
    `${api}.DIRECT.GET.${stream}`,
    `${api}.DIRECT.GET.${stream}.>`,
    `${api}.CONSUMER.CREATE.${stream}`,
    `${api}.CONSUMER.CREATE.${stream}.>`,
    `${api}.CONSUMER.INFO.${stream}.>`,
    `${api}.CONSUMER.DELETE.${stream}.>`,
    `${api}.CONSUMER.MSG.NEXT.${stream}.>`,
    `$JS.ACK.${stream}.>`,
    `$JS.FC.${stream}.>`,
  ];
}
