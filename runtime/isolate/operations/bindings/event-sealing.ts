/**
 * Events whose values are sealed: by the binding's `seal`, or by the option `encrypt` of one event.
 *
 * I1  An event of a binding with `seal` is never published in clear. The exception has no value: it takes a retained event away.
 * I2  A sealed event opens on its own subject and as its own type alone.
 */
import { type Headers, headerNames, matchesAny, type SealPlace } from "../../../../contracts/index.ts";
import { clearBytesOf, labelOfSealed } from "../../../../keys/index.ts";
import type { StoredEvent } from "../../../../nats/index.ts";
import { CallError } from "../../process/host-calls.ts";
import type { BindingContext } from "./binding-context.ts";
import { createSealing } from "./sealing.ts";

const SEALED_TYPE = "application/jose";
const CONTENT_TYPE = "Content-Type";

interface EventSealing {
  /** Undefined: it goes in clear. */
  of(event: { name: unknown; subject: string; encrypt: unknown }): SealedPublish | undefined;
  /** The event in clear. `name`: of the binding. */
  open(event: StoredEvent, name: unknown): Promise<StoredEvent>;
}

interface SealedPublish {
  fitting(maxBytes: number): number;
  seal(bytes: Uint8Array, headers: Headers): Promise<{ data: Uint8Array; headers: Headers } | undefined>;
}

export function createEventSealing({
  sealer,
  declared,
  allDeclared,
}: Pick<BindingContext, "sealer" | "declared" | "allDeclared">): EventSealing {
  /** A call without a binding has the rights of all of them, and their labels. */
  const labelFor = (name: unknown, subject: string, side: "publishes" | "hears") => {
    if (name !== undefined) return declared("events", name).seal;
    return allDeclared("events").find((one) => one.seal !== undefined && matchesAny(one[side], subject))
      ?.seal;
  };
  return {
    of({ name, subject, encrypt }) {
      if (encrypt !== undefined && typeof encrypt !== "string")
        throw new CallError("TypeError", "encrypt is a label");
      const label = encrypt ?? labelFor(name, subject, "publishes");
      if (label === undefined) return undefined;
      const sealing = createSealing(sealer, label);
      return {
        fitting: (maxBytes) => clearBytesOf(maxBytes, label),
        async seal(bytes, headers) {
          const type = headers.get(CONTENT_TYPE)?.[0];
          if (type === undefined && bytes.byteLength === 0) return undefined;
          const data = await sealing.seal(bytes, placeOf(subject, type));
          const fields = new Map(headers);
          fields.set(CONTENT_TYPE, [SEALED_TYPE]);
          fields.set(headerNames.eventSealedType, [type ?? ""]);
          return { data, headers: fields };
        },
      };
    },
    async open(event, name) {
      const wanted = labelFor(name, event.subject, "hears");
      const type = event.headers.get(headerNames.eventSealedType)?.[0];
      if (type === undefined && wanted === undefined) return event;
      const label = wanted ?? labelOfSealed(Buffer.from(event.data).toString("latin1"));
      const data = await createSealing(sealer, label ?? "none").open(
        event.data,
        placeOf(event.subject, type),
      );
      return { ...event, data, headers: new Map([...event.headers, [CONTENT_TYPE, [type ?? ""]]]) };
    },
  };
}

function placeOf(subject: string, type: string | undefined): SealPlace {
  return ["event", subject, type ?? ""];
}
