import { capabilitiesOf } from "../contracts/index.ts";
import { findStuckStreams, type Nats, openSpecs } from "../nats/index.ts";

/** The streams of narun and of the functions' buckets that refuse writes, as streams do after a full disk. */
export async function findRefusingStreams(nats: Nats): Promise<{ stream: string; reason: string }[]> {
  return findStuckStreams(nats, await declaredStreams(nats));
}

/** The streams of the buckets that functions declare. */
async function declaredStreams(nats: Nats): Promise<string[]> {
  const specs = await (await openSpecs(nats)).list();
  return specs.flatMap((read) => {
    if (!read.ok || read.value.kind !== "function") return [];
    return capabilitiesOf(read.value.spec).flatMap((one) =>
      one.kind === "kv" ? [`KV_${one.bucket}`] : one.kind === "objects" ? [`OBJ_${one.bucket}`] : [],
    );
  });
}
