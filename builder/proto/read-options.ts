/** Reads options by the descriptors of their messages: Protobuf's own, and extensions of the author's files. */
import {
  create,
  createFileRegistry,
  type DescExtension,
  type DescField,
  type DescMessage,
  type FileRegistry,
  getExtension,
  hasExtension,
  type Message,
  ScalarType,
  setExtension,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  EnumOptionsSchema,
  EnumValueOptionsSchema,
  ExtensionRangeOptionsSchema,
  FieldOptionsSchema,
  type FileDescriptorSet,
  FileOptionsSchema,
  MessageOptionsSchema,
  MethodOptionsSchema,
  OneofOptionsSchema,
  ServiceOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { nearest } from "../../contracts/index.ts";
import type { LinkedFile, OptionPart, OptionTarget, OptionValue, WrittenOption } from "./parsed-file.ts";
import { ProtoError, type ProtoPlace } from "./proto-error.ts";
import type { Symbols } from "./symbols.ts";
import { numberOf } from "./token-reader.ts";

const SCHEMAS: Record<OptionTarget, DescMessage> = {
  file: FileOptionsSchema,
  message: MessageOptionsSchema,
  field: FieldOptionsSchema,
  oneof: OneofOptionsSchema,
  enum: EnumOptionsSchema,
  enumValue: EnumValueOptionsSchema,
  service: ServiceOptionsSchema,
  method: MethodOptionsSchema,
  range: ExtensionRangeOptionsSchema,
};

/** Sets the options of all files. Error: ProtoError. */
export function readOptions(files: readonly LinkedFile[], set: FileDescriptorSet, symbols: Symbols): void {
  const written = files.flatMap((file) => ("parsed" in file ? file.parsed.options : []));
  const [custom, own] = [written.filter(isCustom), written.filter((option) => !isCustom(option))];
  for (const option of own) setOwn(option);
  if (custom.length === 0) return;
  // Extensions are known when the files themselves are complete.
  const registry = createFileRegistry(set);
  for (const option of custom) setCustom(option, registry, symbols);
}

function isCustom({ parts: [first] }: WrittenOption): boolean {
  return first?.isExtension === true;
}

function optionsOf({ on, target }: WrittenOption): Message {
  const holder = on as { options?: Message };
  holder.options ??= create(SCHEMAS[target]);
  return holder.options;
}

function setOwn(option: WrittenOption): void {
  const [first, ...rest] = option.parts;
  if (first === undefined || setOfField(option, first)) return;
  setPath(reflect(SCHEMAS[option.target], optionsOf(option)), [first, ...rest], option.value);
}

/** `json_name` and `default` are no options in the descriptor. */
function setOfField({ target, on, value, parts }: WrittenOption, { name }: OptionPart): boolean {
  if (target !== "field" || parts.length > 1) return false;
  const field = on as { jsonName: string; defaultValue: string };
  if (name === "json_name") field.jsonName = stringOf(value);
  else if (name === "default") field.defaultValue = defaultOf(value);
  else return false;
  return true;
}

/** Bytes that are no visible ASCII are escaped in octal, as the descriptors of protoc have them for `bytes`. */
function defaultOf(value: OptionValue): string {
  if (value.kind === "text") return Buffer.from(value.bytes).toString();
  if (value.kind === "name") return value.text;
  if (value.kind === "number") return /^-?0[xX0-7]/.test(value.text) ? String(numberIn(value)) : value.text;
  throw wrongValue(value.place, "a name, a number or a text");
}

/** `a.b = value`: sets a field of a message within a message. */
function setPath(message: ReflectMessage, parts: readonly OptionPart[], value: OptionValue): void {
  const [first, ...rest] = parts;
  if (first === undefined) return;
  const field = fieldOf(message.desc, first.name, first.place);
  if (rest.length === 0) {
    setField(message, field, value);
    return;
  }
  if (field.fieldKind !== "message")
    throw wrongValue(first.place, `a field of ${field.name}: it is no message`);
  setPath(innerOf(message, field), rest, value);
}

/** The message in a field. It is set, so that its fields stay. */
function innerOf(message: ReflectMessage, field: DescField & { fieldKind: "message" }): ReflectMessage {
  if (!message.isSet(field)) message.set(field, reflect(field.message));
  return message.get(field) as ReflectMessage;
}

function fieldOf(desc: DescMessage, name: string, place: ProtoPlace): DescField {
  const field = desc.fields.find((one) => one.name === name);
  if (field !== undefined) return field;
  const names = desc.fields.map((one) => one.name);
  const near = nearest(name, names);
  const what = desc.typeName.startsWith("google.protobuf.") ? "option" : "field";
  throw new ProtoError(
    place,
    `there is no ${what} ${name} in ${desc.typeName}`,
    near === undefined
      ? "an option of your own is written in parentheses: (pkg.name)"
      : `did you mean ${near}?`,
  );
}

function setField(message: ReflectMessage, field: DescField, value: OptionValue): void {
  switch (field.fieldKind) {
    case "scalar":
      message.set(field, scalarOf(field.scalar, value));
      return;
    case "enum":
      message.set(field, enumOf(field, value));
      return;
    case "message": {
      if (value.kind !== "message") throw wrongValue(value.place, "a message in braces");
      fill(innerOf(message, field), value);
      return;
    }
    case "list": {
      const items = value.kind === "list" ? value.items : [value];
      for (const item of items) message.get(field).add(itemOf(field, item));
      return;
    }
    default:
      throw wrongValue(value.place, "no map: options with maps are not read");
  }
}

function itemOf(field: DescField & { fieldKind: "list" }, value: OptionValue): unknown {
  if (field.listKind === "scalar") return scalarOf(field.scalar, value);
  if (field.listKind === "enum") return enumOf(field, value);
  if (value.kind !== "message") throw wrongValue(value.place, "a message in braces");
  const message = reflect(field.message);
  fill(message, value);
  return message;
}

function fill(message: ReflectMessage, value: OptionValue & { kind: "message" }): void {
  for (const { name, isExtension, value: inner, place } of value.entries) {
    if (isExtension) throw wrongValue(place, "a field: extensions within an option's value are not read");
    setField(message, fieldOf(message.desc, name, place), inner);
  }
}

function setCustom(option: WrittenOption, registry: FileRegistry, symbols: Symbols): void {
  const { parts, scope, value } = option;
  const [first, ...rest] = parts;
  if (first === undefined) return;
  const name = symbols.find(first.name, scope, ({ kind }) => kind === "extension");
  const extension = name === undefined ? undefined : registry.getExtension(name);
  if (extension === undefined) throw unknownExtension(first, symbols);
  const schema = SCHEMAS[option.target];
  if (extension.extendee.typeName !== schema.typeName) {
    throw new ProtoError(
      first.place,
      `${extension.typeName} extends ${extension.extendee.typeName}`,
      `it cannot be an option here, where ${schema.typeName} is`,
    );
  }
  setExtensionOf(optionsOf(option), extension, { rest, value });
}

function unknownExtension({ name, place }: OptionPart, symbols: Symbols): ProtoError {
  const near = symbols.near(name, ({ kind }) => kind === "extension");
  const known = name.startsWith("google.api.") ? "google/api/annotations.proto" : undefined;
  const hint =
    known === undefined ? near && `did you mean ${near}?` : `write: import ${JSON.stringify(known)};`;
  return new ProtoError(
    place,
    `there is no option (${name})`,
    hint ?? "define it by `extend`, or import the file that does",
  );
}

function setExtensionOf(
  options: Message,
  extension: DescExtension,
  { rest, value }: { rest: readonly OptionPart[]; value: OptionValue },
): void {
  const present: unknown = hasExtension(options, extension) ? getExtension(options, extension) : undefined;
  if (extension.fieldKind === "message") {
    const message = reflect(extension.message, present as Message | undefined);
    if (rest.length > 0) setPath(message, rest, value);
    else if (value.kind === "message") fill(message, value);
    else throw wrongValue(value.place, "a message in braces");
    setExtension(options, extension, message.message);
    return;
  }
  const field = extension as unknown as DescField;
  if (extension.fieldKind === "list") {
    const items = value.kind === "list" ? value.items : [value];
    const added = items.map((item) => unwrap(itemOf(field as DescField & { fieldKind: "list" }, item)));
    setExtension(options, extension, [...((present as unknown[] | undefined) ?? []), ...added]);
    return;
  }
  if (extension.fieldKind === "enum") {
    setExtension(options, extension, enumOf(field as DescField & { fieldKind: "enum" }, value));
    return;
  }
  if (extension.fieldKind === "scalar") setExtension(options, extension, scalarOf(extension.scalar, value));
}

function unwrap(item: unknown): unknown {
  return typeof item === "object" && item !== null && "message" in item ? item.message : item;
}

function enumOf(field: { enum?: DescField["enum"] | undefined }, value: OptionValue): number {
  const values = field.enum?.values ?? [];
  if (value.kind === "number") return numberIn(value);
  if (value.kind !== "name") throw wrongValue(value.place, "a value of the enum");
  const found = values.find(({ name }) => name === value.text);
  if (found !== undefined) return found.number;
  throw wrongValue(value.place, values.map(({ name }) => name).join(", "));
}

const LONG = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
  ScalarType.SINT64,
]);

function scalarOf(type: ScalarType, value: OptionValue): string | number | bigint | boolean | Uint8Array {
  if (type === ScalarType.STRING) return stringOf(value);
  if (type === ScalarType.BYTES) {
    if (value.kind === "text") return value.bytes;
    throw wrongValue(value.place, "a text");
  }
  if (type === ScalarType.BOOL) {
    if (value.kind === "name" && /^(?:true|false)$/.test(value.text)) return value.text === "true";
    throw wrongValue(value.place, "true or false");
  }
  const isFloat = type === ScalarType.DOUBLE || type === ScalarType.FLOAT;
  if (isFloat && value.kind === "name" && value.text === "inf") return Number.POSITIVE_INFINITY;
  if (isFloat && value.kind === "name" && value.text === "nan") return Number.NaN;
  const number = numberIn(value);
  if (isFloat) return number;
  if (!Number.isInteger(number)) throw wrongValue(value.place, "an integer");
  return LONG.has(type) ? BigInt(number) : number;
}

function numberIn(value: OptionValue): number {
  if (value.kind !== "number") throw wrongValue(value.place, "a number");
  const isNegative = value.text.startsWith("-");
  const text = isNegative ? value.text.slice(1) : value.text;
  const number = text === "inf" ? Number.POSITIVE_INFINITY : numberOf(text.replace(/(?<!^0x.*)f$/i, ""));
  return isNegative ? -number : number;
}

function stringOf(value: OptionValue): string {
  if (value.kind === "text") return Buffer.from(value.bytes).toString();
  throw wrongValue(value.place, "a text in quotes");
}

function wrongValue(place: ProtoPlace, wanted: string): ProtoError {
  return new ProtoError(place, "the option has another kind of value", `expected: ${wanted}`);
}
