/** The names of a file's exports, as the library of Protobuf's own generator has them. */
import type { DescEnum, DescExtension, DescFile, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { safeIdentifier } from "./safe-identifier.ts";

/** `Outer_Inner`. */
export function typeNameOf(desc: DescMessage | DescEnum | DescExtension): string {
  const scope = desc.file.proto.package;
  const inner = scope === "" ? desc.typeName : desc.typeName.slice(scope.length + 1);
  return safeIdentifier(inner.replaceAll(".", "_"));
}

/** The name of the descriptor of a message or an enum. */
export function schemaNameOf(desc: DescMessage | DescEnum): string {
  return `${typeNameOf(desc)}Schema`;
}

export interface FileTypes {
  readonly messages: readonly DescMessage[];
  readonly enums: readonly DescEnum[];
  readonly extensions: readonly DescExtension[];
}

/** The types of a file, nested ones too. */
export function typesOf(file: DescFile): FileTypes {
  const types = [...nestedTypes(file)];
  return {
    messages: types.filter((type) => type.kind === "message"),
    enums: types.filter((type) => type.kind === "enum"),
    extensions: types.filter((type) => type.kind === "extension"),
  };
}
