import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import { parseOption } from "./parse-option.ts";
import type { OptionTarget, TypeReference, WrittenImport, WrittenOption } from "./parsed-file.ts";
import type { ProtoSource } from "./proto-error.ts";
import { TokenReader } from "./token-reader.ts";
import type { Token } from "./tokens.ts";

/** All that the parser of a file collects beside its descriptor. */
export class ParseScope {
  readonly reader: TokenReader;
  readonly descriptor: FileDescriptorProto;
  readonly imports: WrittenImport[] = [];
  readonly options: WrittenOption[] = [];
  readonly references: TypeReference[] = [];
  readonly places = new Map<object, Token>();
  readonly comments = new Map<object, string>();

  constructor(source: ProtoSource, descriptor: FileDescriptorProto) {
    this.reader = new TokenReader(source);
    this.descriptor = descriptor;
  }

  get isProto3(): boolean {
    return this.descriptor.syntax === "proto3";
  }

  get isEditions(): boolean {
    return this.descriptor.syntax === "editions";
  }

  /** Remembers where a part of the descriptor stands. */
  note(part: object, token: Token): void {
    this.places.set(part, token);
    const comment = this.reader.takeComment();
    if (comment !== undefined) this.comments.set(part, comment);
  }

  /** `option name = value;` */
  option(target: OptionTarget, on: object, scope: string): void {
    this.reader.take();
    this.options.push({ target, on, scope, ...parseOption(this.reader) });
    this.reader.expect(";", "the option");
  }

  /** `[name = value, …]` behind a field. */
  bracketOptions(target: OptionTarget, on: object, scope: string): void {
    if (!this.reader.takeIf("[")) return;
    do this.options.push({ target, on, scope, ...parseOption(this.reader) });
    while (this.reader.takeIf(","));
    this.reader.expect("]", "an option");
  }

  typeReference(scope: string, wants: TypeReference["wants"], resolve: TypeReference["resolve"]): void {
    const { text: name, place } = this.reader.fullName("the name of a type");
    this.references.push({ name, scope, place, wants, resolve });
  }
}

/** A name in a scope: `pkg.Message`. */
export function scopeOf(scope: string, name: string): string {
  return scope === "" ? name : `${scope}.${name}`;
}
