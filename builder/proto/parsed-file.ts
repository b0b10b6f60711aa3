import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import type { ProtoPlace, ProtoSource } from "./proto-error.ts";
import type { Token } from "./tokens.ts";

/** The value of an option. */
export type OptionValue =
  | { readonly kind: "name"; readonly text: string; readonly place: ProtoPlace }
  | { readonly kind: "number"; readonly text: string; readonly place: ProtoPlace }
  | { readonly kind: "text"; readonly bytes: Uint8Array; readonly place: ProtoPlace }
  | { readonly kind: "list"; readonly items: readonly OptionValue[]; readonly place: ProtoPlace }
  | { readonly kind: "message"; readonly entries: readonly OptionEntry[]; readonly place: ProtoPlace };

export interface OptionEntry {
  /** An extension where it is in brackets. */
  readonly name: string;
  readonly isExtension: boolean;
  readonly value: OptionValue;
  readonly place: ProtoPlace;
}

/** A part of an option's name: a field, or an extension in parentheses. */
export interface OptionPart {
  readonly name: string;
  readonly isExtension: boolean;
  readonly place: ProtoPlace;
}

export type OptionTarget =
  | "file"
  | "message"
  | "field"
  | "oneof"
  | "enum"
  | "enumValue"
  | "service"
  | "method"
  | "range";

/** An option as written. It is read when all files are linked, as extensions define options. */
export interface WrittenOption {
  readonly target: OptionTarget;
  /** The part of the descriptor that the option is about. */
  readonly on: object;
  readonly parts: readonly OptionPart[];
  readonly value: OptionValue;
  /** The full name of the scope in which extensions are looked up. */
  readonly scope: string;
}

/** A name of a type as written, which the linker replaces by its full name. */
export interface TypeReference {
  readonly name: string;
  readonly scope: string;
  readonly place: ProtoPlace;
  /** `message`: an enum is an error there. */
  readonly wants: "message" | "type";
  resolve(fullName: string, kind: "message" | "enum"): void;
}

export interface WrittenImport {
  readonly name: string;
  readonly isPublic: boolean;
  readonly place: ProtoPlace;
}

/** A file as it was read: a descriptor whose references are not resolved. */
export interface ParsedFile {
  readonly source: ProtoSource;
  readonly descriptor: FileDescriptorProto;
  readonly imports: readonly WrittenImport[];
  readonly options: readonly WrittenOption[];
  readonly references: readonly TypeReference[];
  /** Where the parts of the descriptor stand: their names. */
  readonly places: ReadonlyMap<object, Token>;
  /** The comments before the parts of the descriptor. */
  readonly comments: ReadonlyMap<object, string>;
}

/** A file of a closure: of the author, or of the library of Protobuf. */
export type LinkedFile = { readonly parsed: ParsedFile } | { readonly known: FileDescriptorProto };
