import { type ByteKv, type KvWrite, openByteKv } from "../../../../nats/index.ts";
import { encodeKvFrame } from "../../../../web/index.ts";
import { CallError, type HostOperations } from "../../process/host-calls.ts";
import { sendToIsolate } from "../stream-adapters.ts";
import { readCursor, readKey, readPrefix, readWhole } from "./arguments.ts";
import type { BindingContext } from "./binding-context.ts";
import { createLargeValues } from "./large-values.ts";
import { createSealing, sealKv } from "./sealing.ts";
import { naming } from "./store-failure.ts";

const MAX_TTL_SECONDS = 10 * 365 * 24 * 3_600;
const MAX_PAGE = 1_000;
/** Upper bound of the open watches of an instance. Each holds a consumer at the server. */
const MAX_WATCHES = 100;

export function createKvOperations({
  streams: { nats },
  declared,
  sealer,
  limits,
  endOf,
}: BindingContext): HostOperations {
  const open = new Map<string, ByteKv>();
  const large = createLargeValues(nats.maxPayload);
  let watches = 0;

  const openOne = (bucket: string, seal: string | undefined): ByteKv => {
    const kv = openByteKv(nats, bucket, { maxBytes: limits.maxStoreBytes });
    return seal === undefined ? kv : sealKv(kv, bucket, createSealing(sealer, seal));
  };
  const bucketOf = (name: unknown): { bucket: string; kv: ByteKv } => {
    const { bucket, seal } = declared("kv", name);
    const place = `${bucket} ${seal ?? ""}`;
    const kv = open.get(place) ?? openOne(bucket, seal);
    open.set(place, kv);
    return { bucket, kv };
  };
  const readRevision = (value: unknown) =>
    readWhole(value, { name: "ifRevision", min: 0, max: Number.MAX_SAFE_INTEGER });

  return {
    "kv.get": async ([name, keyValue], context) => {
      const { bucket, kv } = bucketOf(name);
      const key = readKey(keyValue);
      const read = () => naming(bucket, kv.get(key));
      const { found, value } = await large.deliver(context, read, (entry) => entry?.bytes);
      return found && [found.revision, found.createdAt.getTime(), value];
    },
    "kv.put": ([name, keyValue, value, ttl, revision], context) => {
      const { bucket, kv } = bucketOf(name);
      const key = readKey(keyValue);
      const ttlSeconds = readWhole(ttl, { name: "ttlSeconds", min: 1, max: MAX_TTL_SECONDS });
      const ifRevision = readRevision(revision);
      return large.accept(value, { maxBytes: kv.maxBytes, label: "A value" }, context, async (bytes) => {
        const written = await naming(bucket, kv.put(key, bytes, { ttlSeconds, ifRevision }));
        return revisionOf(written, { bucket, key, ifRevision });
      });
    },
    "kv.delete": async ([name, keyValue, revision]) => {
      const { bucket, kv } = bucketOf(name);
      const key = readKey(keyValue);
      const ifRevision = readRevision(revision);
      const written = await naming(bucket, kv.delete(key, { ifRevision }));
      return revisionOf(written, { bucket, key, ifRevision });
    },
    "kv.list": async ([name, prefix, limitValue, cursor]) => {
      const { bucket, kv } = bucketOf(name);
      const limit = readWhole(limitValue, { name: "limit", min: 1, max: MAX_PAGE }) ?? MAX_PAGE;
      const after = readCursor(cursor);
      const page = await naming(bucket, kv.list({ prefix: readPrefix(prefix), limit, after }));
      return [
        page.keys.map(({ key }) => key),
        page.keys.map(({ revision }) => revision),
        page.next === undefined ? undefined : String(page.next),
      ];
    },
    "kv.watch": ([name, prefixValue, updatesOnly, lifetime], { owner, streams }) => {
      const { kv } = bucketOf(name);
      const prefix = readPrefix(prefixValue);
      if (watches >= MAX_WATCHES) {
        throw new CallError("RangeError", `an instance has at most ${MAX_WATCHES} watches open`);
      }
      watches += 1;
      const ending = new AbortController();
      const over = lifetime === "instance" ? undefined : endOf(owner);
      const signal = over === undefined ? ending.signal : AbortSignal.any([ending.signal, over]);
      const frames = watchFrames(kv, prefix, updatesOnly !== true, signal);
      return sendToIsolate(streams, owner, endedBy(frames, ending), () => {
        watches -= 1;
        ending.abort();
      });
    },
  };
}

async function* watchFrames(
  kv: ByteKv,
  prefix: string,
  withPresent: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for await (const change of kv.watch({ prefix, withPresent, signal })) {
    const { kind, revision } = change;
    const key = Buffer.from(change.key);
    const isPut = change.kind === "put";
    const at = isPut ? change.createdAt.getTime() : 0;
    yield encodeKvFrame({ kind, revision, at, key, value: isPut ? change.bytes : new Uint8Array() });
  }
}

/** Ends a generator by its signal. A pending generator would notice `return` only at its next value. */
function endedBy(
  source: AsyncGenerator<Uint8Array, void>,
  ending: AbortController,
): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => source.next(),
      return: () => {
        ending.abort();
        return source.return();
      },
    }),
  };
}

function revisionOf(
  written: KvWrite,
  { bucket, key, ifRevision }: { bucket: string; key: string; ifRevision: number | undefined },
): number {
  if (written.ok) return written.revision;
  switch (written.why) {
    case "conflict":
      throw new CallError(
        "KvConflictError",
        ifRevision === 0
          ? `${JSON.stringify(key)} is there already`
          : `${JSON.stringify(key)} is not at revision ${ifRevision} any more`,
      );
    case "no-ttl":
      throw new CallError(
        "BindingError",
        `the bucket ${bucket} was made without TTL for its keys; \`nats stream edit KV_${bucket} --allow-msg-ttl\` allows it`,
      );
    case "ttl-too-short":
      throw new CallError(
        "BindingError",
        `the bucket ${bucket} keeps older values, and lets no key end before ${written.leastSeconds} s; use a longer ttlSeconds, or a bucket that keeps one value of each key (\`nats stream edit KV_${bucket} --max-msgs-per-subject 1\`)`,
      );
    case "full":
      throw new CallError("BindingError", `the bucket ${bucket} has no room left`);
  }
}
