/** The declarations of one `.proto` file. */
import { dirname, relative, sep } from "node:path";
import { createFileRegistry, type DescFile } from "@bufbuild/protobuf";
import { compileProto } from "./compile.ts";
import { renderTypes } from "./generate-types.ts";
import { wellKnownExport } from "./well-known.ts";

/** `dir`: the function's folder. Error: ProtoError. */
export async function renderFile(path: string, dir: string): Promise<string> {
  const { set, parsed, files } = await compileProto(path, { root: dir });
  const file = createFileRegistry(set).getFile(parsed.source.name) as DescFile;
  const specifierOf = ({ name }: DescFile): string | undefined => {
    if (wellKnownExport(`${name}.proto`) !== undefined) return "narun/protobuf";
    const imported = files.get(`${name}.proto`);
    const target = imported !== undefined && "parsed" in imported ? imported.parsed.source.path : undefined;
    return target === undefined ? undefined : specifierBetween(dirname(path), target);
  };
  return renderTypes({ file, parsed, specifierOf });
}

function specifierBetween(folder: string, target: string): string {
  const way = relative(folder, target).split(sep).join("/");
  return way.startsWith(".") ? way : `./${way}`;
}
