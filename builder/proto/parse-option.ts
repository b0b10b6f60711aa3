import type { OptionEntry, OptionPart, OptionValue } from "./parsed-file.ts";
import { ProtoError, type ProtoPlace } from "./proto-error.ts";
import type { TokenReader } from "./token-reader.ts";

/** How deep messages may be nested in an option, and in each other. */
export const MAX_DEPTH = 64;

export function tooDeep(place: ProtoPlace): ProtoError {
  return new ProtoError(place, "too deeply nested", `nest at most ${MAX_DEPTH} levels`);
}

/** `name.(ext.name).name = value`. */
export function parseOption(reader: TokenReader): { parts: OptionPart[]; value: OptionValue } {
  const parts = [parsePart(reader)];
  while (reader.takeIf(".")) parts.push(parsePart(reader));
  reader.expect("=", "the option's name");
  return { parts, value: parseValue(reader, 0) };
}

function parsePart(reader: TokenReader): OptionPart {
  if (!reader.takeIf("(")) {
    const token = reader.name("the name of an option");
    return { name: token.text, isExtension: false, place: token };
  }
  const { text, place } = reader.fullName("the name of an extension");
  reader.expect(")", "the name of an extension");
  return { name: text, isExtension: true, place };
}

function parseValue(reader: TokenReader, depth: number): OptionValue {
  const place = reader.next;
  if (depth > MAX_DEPTH) throw tooDeep(place);
  if (place.kind === "text") return { kind: "text", bytes: reader.text("a text").bytes, place };
  if (reader.takeIf("{")) return parseMessage(reader, "}", place, depth);
  if (reader.takeIf("<")) return parseMessage(reader, ">", place, depth);
  if (reader.takeIf("[")) return parseList(reader, place, depth);
  const sign = reader.takeIf("-") ? "-" : reader.takeIf("+") ? "" : "";
  const { kind, text } = reader.next;
  if (kind === "integer" || kind === "float" || (sign === "-" && /^(?:inf|nan)$/.test(text))) {
    reader.take();
    return { kind: "number", text: sign + text, place };
  }
  if (kind !== "name") throw reader.unexpected("the value of an option");
  return { kind: "name", text: reader.fullName("a name").text, place };
}

function parseList(reader: TokenReader, place: ProtoPlace, depth: number): OptionValue {
  const items: OptionValue[] = [];
  while (!reader.takeIf("]")) {
    items.push(parseValue(reader, depth + 1));
    if (!reader.is("]")) reader.expect(",", "an item of the list");
  }
  return { kind: "list", items, place };
}

/** A message in the text format: `name: value`, `name { … }`, `[ext.name]: value`. */
function parseMessage(reader: TokenReader, end: string, place: ProtoPlace, depth: number): OptionValue {
  const entries: OptionEntry[] = [];
  while (!reader.takeIf(end)) {
    const at = reader.next;
    const isExtension = reader.takeIf("[");
    const name = isExtension ? reader.fullName("the name of an extension").text : reader.name("a field").text;
    if (isExtension) reader.expect("]", "the name of an extension");
    const hasColon = reader.takeIf(":");
    if (!hasColon && !reader.is("{") && !reader.is("<")) throw reader.unexpected(`":" after ${name}`);
    entries.push({ name, isExtension, value: parseValue(reader, depth + 1), place: at });
    if (!reader.takeIf(",")) reader.takeIf(";");
  }
  return { kind: "message", entries, place };
}
