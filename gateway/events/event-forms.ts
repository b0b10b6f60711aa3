/** Events as clients see them: as Server-Sent Events, or as messages of a WebSocket. The names of functions stay inside. */
import type { FollowedItem, StoredEvent } from "../../nats/index.ts";

/** The form of an item, as bytes. */
export type EventForm = (item: FollowedItem) => Buffer;

/** JSON has no line ends of its own. */
export function serverSentForm(): EventForm {
  return onceForAll((item) => {
    const { kind, id, body } = describeItem(item);
    // An id without data moves the reader's place, and is no event.
    if (kind === "position") return `: beat\nid: ${id}\n\n`;
    const name = kind === "gap" ? "event: gap\n" : "";
    return `${name}id: ${id}\ndata: ${JSON.stringify(body)}\n\n`;
  });
}

export function socketForm(): EventForm {
  return onceForAll((item) => {
    const { kind, body } = describeItem(item);
    return JSON.stringify({ kind, ...body });
  });
}

/** Readers of one pattern get the same event: it is formed for the first of them. */
function onceForAll(form: (item: FollowedItem) => string): EventForm {
  const formed = new WeakMap<StoredEvent, Buffer>();
  return (item) => {
    if (item.kind !== "event") return Buffer.from(form(item));
    const known = formed.get(item.event);
    if (known !== undefined) return known;
    const bytes = Buffer.from(form(item));
    formed.set(item.event, bytes);
    return bytes;
  };
}

function describeItem(item: FollowedItem): { kind: FollowedItem["kind"]; id: number; body: object } {
  switch (item.kind) {
    case "event": {
      const { sequence: id, subject, key, storedAt, headers, data } = item.event;
      const at = storedAt.toISOString();
      const value = readValue(headers.get("Content-Type")?.[0], data);
      return {
        kind: "event",
        id,
        body: { id, subject, ...(key === undefined ? {} : { key }), at, ...value },
      };
    }
    case "gap":
      return { kind: "gap", id: item.first - 1, body: { after: item.after, first: item.first } };
    case "position":
      return { kind: "position", id: item.sequence, body: { id: item.sequence } };
  }
}

/** A sealed value stays sealed: the gateway has no keys. */
function readValue(
  type: string | undefined,
  data: Uint8Array,
): { value?: unknown; base64?: string; sealed?: string } {
  if (type === "application/jose") return { sealed: Buffer.from(data).toString() };
  if (data.byteLength === 0) return {};
  const bytes = Buffer.from(data);
  if (type === "application/octet-stream") return { base64: bytes.toString("base64") };
  try {
    return { value: JSON.parse(bytes.toString()) };
  } catch {
    return { base64: bytes.toString("base64") };
  }
}
