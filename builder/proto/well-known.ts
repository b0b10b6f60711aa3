import type { DescFile } from "@bufbuild/protobuf";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";
import * as wkt from "@bufbuild/protobuf/wkt";

/** The files of Protobuf itself, which its library has: the name of its export for each. */
const EXPORTS = new Map<string, { name: string; file: DescFile }>(
  Object.entries(wkt).flatMap(([name, value]) => {
    if (!name.startsWith("file_google_protobuf_")) return [];
    const file = value as DescFile;
    return [[`${file.name}.proto`, { name, file }] as const];
  }),
);

export const wellKnownNames: readonly string[] = [...EXPORTS.keys()];

export function wellKnownFile(name: string): FileDescriptorProto | undefined {
  return EXPORTS.get(name)?.file.proto;
}

/** The name of the export of a file in `@bufbuild/protobuf/wkt`. */
export function wellKnownExport(name: string): string | undefined {
  return EXPORTS.get(name)?.name;
}
