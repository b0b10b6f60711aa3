/** Rules that a file has to keep, beyond its grammar. */
import type { DescriptorProto, EnumDescriptorProto, FieldDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { ParsedFile } from "./parsed-file.ts";
import { ProtoError } from "./proto-error.ts";
import type { Token } from "./tokens.ts";

/** Error: ProtoError, for the first rule that is broken. */
export function checkFile({ descriptor, places }: ParsedFile): void {
  const placeOf = (part: object) => places.get(part) as Token;
  for (const message of descriptor.messageType) checkMessage(message, placeOf);
  for (const type of descriptor.enumType) checkEnum(type, placeOf);
}

type PlaceOf = (part: object) => Token;

function checkMessage(message: DescriptorProto, placeOf: PlaceOf): void {
  if (message.options?.mapEntry === true) return;
  const byNumber = new Map<number, FieldDescriptorProto>();
  const byJson = new Map<string, FieldDescriptorProto>();
  for (const field of message.field) {
    const same = byNumber.get(field.number);
    if (same !== undefined) {
      throw new ProtoError(
        placeOf(field),
        `${field.name} and ${same.name} have the number ${field.number}`,
        `give ${field.name} a free number: ${nextNumber(message)}`,
      );
    }
    byNumber.set(field.number, field);
    const alike = byJson.get(field.jsonName);
    if (alike !== undefined) {
      throw new ProtoError(
        placeOf(field),
        `${field.name} and ${alike.name} have the name ${field.jsonName} in JSON`,
        'rename one, or set [json_name = "…"]',
      );
    }
    byJson.set(field.jsonName, field);
    checkReserved(message, field, placeOf);
  }
  for (const nested of message.nestedType) checkMessage(nested, placeOf);
  for (const type of message.enumType) checkEnum(type, placeOf);
}

function nextNumber({ field, reservedRange, extensionRange }: DescriptorProto): number {
  const taken = new Set(field.map(({ number }) => number));
  const ranges = [...reservedRange, ...extensionRange];
  for (let number = 1; ; number++) {
    const isReserved = ranges.some(({ start, end }) => number >= start && number < end);
    const isOwn = number >= 19_000 && number <= 19_999;
    if (!taken.has(number) && !isReserved && !isOwn) return number;
  }
}

function checkReserved(message: DescriptorProto, field: FieldDescriptorProto, placeOf: PlaceOf): void {
  const holds = ({ start, end }: { start: number; end: number }) =>
    field.number >= start && field.number < end;
  if (message.reservedRange.some(holds) || message.extensionRange.some(holds)) {
    throw new ProtoError(
      placeOf(field),
      `the number ${field.number} of ${field.name} is reserved`,
      `take a free number: ${nextNumber(message)}`,
    );
  }
  if (message.reservedName.includes(field.name)) {
    throw new ProtoError(placeOf(field), `the name ${field.name} is reserved`, "take another name");
  }
}

function checkEnum(type: EnumDescriptorProto, placeOf: PlaceOf): void {
  const byNumber = new Map<number, string>();
  for (const value of type.value) {
    const same = byNumber.get(value.number);
    if (same !== undefined && type.options?.allowAlias !== true) {
      throw new ProtoError(
        placeOf(value),
        `${value.name} and ${same} have the number ${value.number}`,
        "take a free number, or write `option allow_alias = true;` in the enum",
      );
    }
    byNumber.set(value.number, value.name);
    const isReserved =
      type.reservedName.includes(value.name) ||
      type.reservedRange.some(({ start, end }) => value.number >= start && value.number <= end);
    if (isReserved)
      throw new ProtoError(placeOf(value), `${value.name} is reserved`, "take another name and number");
  }
}
