/**
 * The keys of labels in a host process: asked of its runner, kept in memory.
 *
 * I1  A key by its id never changes, and is asked for once. The key for new data is asked for again when it is a second old: a
 *     revocation takes effect soon.
 */
import { NarunError } from "../../../contracts/index.ts";
import {
  createSealer,
  type KeySource,
  type LabelKey,
  labelOfKeyId,
  type Sealer,
} from "../../../keys/index.ts";
import type { FromHost, KeyAnswer } from "../ipc.ts";

/** How long a key is used for new data before the runner is asked again. */
const FRESH_MS = 1_000;

export interface KeyChannel {
  /** The sealer of a function. */
  sealerOf(name: string): Sealer;
  /** The runner's answer. */
  provide(id: number, answer: KeyAnswer): void;
}

export function createKeyChannel(
  send: (message: Extract<FromHost, { type: "need-key" }>) => void,
): KeyChannel {
  const waiting = new Map<number, (answer: KeyAnswer) => void>();
  let lastId = 0;
  const ask = async (name: string, label: string, kid: string | undefined): Promise<LabelKey> => {
    const id = ++lastId;
    const answer = await new Promise<KeyAnswer>((resolve) => {
      waiting.set(id, resolve);
      send({ type: "need-key", id, function: name, label, kid });
    });
    if (answer.ok) return answer.key;
    throw new NarunError(answer.code, answer.detail === undefined ? {} : { detail: answer.detail });
  };
  return {
    sealerOf: (name) => createSealer(createKeptKeys((label, kid) => ask(name, label, kid))),
    provide(id, answer) {
      waiting.get(id)?.(answer);
      waiting.delete(id);
    },
  };
}

function createKeptKeys(ask: (label: string, kid: string | undefined) => Promise<LabelKey>): KeySource {
  const byId = new Map<string, Promise<LabelKey>>();
  const known = new Map<string, LabelKey>();
  const current = new Map<string, { askedAt: number; key: Promise<LabelKey> }>();
  return {
    current(label: string) {
      const kept = current.get(label);
      const now = performance.now();
      if (kept !== undefined && now - kept.askedAt < FRESH_MS) return kept.key;
      const key = ask(label, undefined);
      current.set(label, { askedAt: now, key });
      // A refusal is not kept.
      key.catch(() => current.delete(label));
      return key;
    },
    byId(kid: string) {
      const key = byId.get(kid) ?? ask(labelOfKeyId(kid), kid);
      byId.set(kid, key);
      key.then(
        (given) => known.set(kid, given),
        () => byId.delete(kid),
      );
      return key;
    },
    known: (kid) => known.get(kid),
  };
}
