/** The bodies of calls: JSON with base64 in it, and multipart forms. */
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import { messageOf, NarunError } from "../../contracts/index.ts";
import { createTurns } from "../../nats/index.ts";
import { MAX_IMAGE_BYTES, MAX_PAYLOAD_BYTES } from "../core/limits.ts";

/** The fields around a payload. */
const SLACK_BYTES = 1024 * 1024;
const inBase64 = (bytes: number) => Math.ceil(bytes / 3) * 4 + SLACK_BYTES;

export const BODY_LIMITS = {
  payload: inBase64(MAX_PAYLOAD_BYTES),
  /** A text of JavaScript has at most half a gibibyte; larger images come as a form. */
  image: inBase64(MAX_PAYLOAD_BYTES * 2),
  form: MAX_IMAGE_BYTES + SLACK_BYTES,
} as const;

/** Larger bodies are read one after the other: each is in memory as a whole. */
const LARGE_BYTES = 1024 * 1024;
const largeBodies = createTurns(2);

/** Errors: RUNTARA_TOO_LARGE; RUNTARA_BAD_CALL, where it breaks off. */
export async function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const announced = Number(request.headers["content-length"] ?? 0);
  if (announced > maxBytes) throw tooLarge(announced, maxBytes);
  const isLarge = announced > LARGE_BYTES || request.headers["transfer-encoding"] !== undefined;
  return isLarge ? largeBodies.run(() => collect(request, maxBytes)) : collect(request, maxBytes);
}

async function collect(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof NarunError) throw error;
    throw badCall(`the body broke off: ${messageOf(error)}`);
  }
  return Buffer.concat(chunks, bytes);
}

export interface JsonOptions {
  maxBytes?: number;
  /** Numbers that JavaScript would round stay as they are written. */
  isExact?: boolean;
}

/** Reads a JSON body by a schema. Errors: RUNTARA_BAD_CALL, RUNTARA_TOO_LARGE. */
export async function readJsonBody<T>(
  request: IncomingMessage,
  schema: z.ZodType<T>,
  { maxBytes = BODY_LIMITS.payload, isExact = false }: JsonOptions = {},
): Promise<T> {
  const bytes = await readBytes(request, maxBytes);
  const text = bytes.byteLength === 0 ? "{}" : utf8(bytes);
  let value: unknown;
  try {
    value = isExact ? parseExactly(text) : JSON.parse(text);
  } catch (error) {
    throw badCall(`the body is no JSON: ${messageOf(error)}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badCall(`${issue?.path.join(".") || "the body"}: ${issue?.message ?? "it does not fit"}`);
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badCall("the body is not UTF-8");
  }
}

/** Base64 with the standard alphabet and its padding, as bytes. */
export const Base64Schema = z.string().transform((text, context) => {
  const bytes = Buffer.from(text, "base64");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const isWhole = text.length % 4 === 0 && bytes.byteLength === (text.length / 4) * 3 - padding;
  if (isWhole && !/[-_]/.test(text)) return bytes;
  context.addIssue({ code: "custom", message: "it is no base64 (standard alphabet, with padding)" });
  return z.NEVER;
});

export const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** The fields of a multipart form. Error: RUNTARA_BAD_CALL. */
export async function readForm(request: IncomingMessage): Promise<FormData> {
  const bytes = await readBytes(request, BODY_LIMITS.form);
  try {
    const type = request.headers["content-type"] ?? "";
    // A plain copy: the DOM's types refuse a view of a shared pool.
    return await new Response(new Uint8Array(bytes), { headers: { "content-type": type } }).formData();
  } catch (error) {
    throw badCall(`the form cannot be read: ${messageOf(error)}`);
  }
}

/** JSON with the numbers of its source: 64-bit ones would be rounded. */
function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    if (typeof value !== "number" || source === undefined || String(value) === source) return value;
    return (JSON as unknown as { rawJSON(source: string): unknown }).rawJSON(source);
  });
}

export function badCall(detail: string): NarunError {
  return new NarunError("RUNTARA_BAD_CALL", { detail });
}

function tooLarge(bytes: number, maxBytes: number): NarunError {
  return new NarunError("RUNTARA_TOO_LARGE", {
    detail: `the body has ${bytes} bytes or more, and ${maxBytes} are the most`,
  });
}
