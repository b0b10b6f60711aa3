/**
 * The operations by which code seals values of its own: payloads of actions, fields of rows, values of a journal. The keys stay here.
 *
 * I1  Code reaches the places of its own kinds only. The values of buckets and stores are sealed by their bindings.
 */
import type { SealPlace } from "../../../../contracts/index.ts";
import { labelOfSealed } from "../../../../keys/index.ts";
import { CallError, type HostOperations } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealing, type Sealing } from "./sealing.ts";

const KINDS: ReadonlySet<unknown> = new Set(["call", "event", "field", "journal"]);
const MAX_PARTS = 20;
const MAX_PART_LENGTH = 2_048;
/** Upper bound of a place as JSON, where a character may take six. */
const MAX_PLACE_LENGTH = 6 * MAX_PARTS * (MAX_PART_LENGTH + 1);

export function createSealOperations({ sealer }: Pick<BindingContext, "sealer">): HostOperations {
  const made = new Map<string, Sealing>();
  const sealingOf = (label: string) => {
    const sealing = made.get(label) ?? createSealing(sealer, label);
    made.set(label, sealing);
    return sealing;
  };
  return {
    "seal.seal": ([label, place, text]) =>
      sealingOf(readText(label)).sealText(readText(text), readPlace(place)),
    "seal.open": ([label, place, value]) => {
      const sealed = readText(value);
      const wanted = label === undefined || label === null ? labelOfSealed(sealed) : readText(label);
      // A text that is not sealed is refused by its own code, under any label.
      return sealingOf(wanted ?? "none").openText(sealed, readPlace(place));
    },
  };
}

function readText(value: unknown): string {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new CallError("TypeError", "a value is sealed as a text without lone surrogates");
}

/** A place comes as JSON: calls whose values are texts leave an isolate together. */
function readPlace(text: unknown): SealPlace {
  const value = typeof text === "string" && text.length <= MAX_PLACE_LENGTH ? parsed(text) : undefined;
  const isPlace =
    Array.isArray(value) &&
    value.length > 1 &&
    value.length <= MAX_PARTS &&
    value.every((part) => typeof part === "string" && part.length <= MAX_PART_LENGTH) &&
    KINDS.has(value[0]);
  if (isPlace) return value as unknown as SealPlace;
  throw new CallError("TypeError", "a place is a kind, and the names of its parts");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
