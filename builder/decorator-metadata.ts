/**
 * The bundler strips types file by file and cannot resolve them, so `emitDecoratorMetadata` of a tsconfig.json has no effect.
 * Libraries that inject or validate by this metadata fail at the first request, or do nothing.
 */
import { dirname, resolve } from "node:path";
import { type BundleMessage, createMessage } from "./bundle-message.ts";
import { type BundledCode, createSourceFinder } from "./source-places.ts";
import { compilerOption, findTsconfig } from "./tsconfig.ts";

const TEXT =
  "emitDecoratorMetadata has no effect here: decorators do not find the types (design:type, design:paramtypes)";
const HINT =
  "name the types in the decorators, as in @Inject(Clock) or @Type(() => Item), or compile with tsc first and let `entry` be its output; set emitDecoratorMetadata to false where nothing reads the types";

/** A warning for the first decorator of each file whose tsconfig.json wants metadata. */
export function findMissingMetadata(bundle: BundledCode, dir: string): BundleMessage[] {
  const code = Buffer.from(bundle.code).toString();
  const decorated = [...code.matchAll(DECORATED)];
  if (decorated.length === 0) return [];
  const findSource = createSourceFinder(code, bundle.sourceMap);
  const locations = decorated.flatMap(({ index, 0: { length } }) => findSource(index + length, "@") ?? []);
  const firsts = [...Map.groupBy(locations, ({ file }) => file).values()].flatMap(([first]) => first ?? []);
  return firsts
    .filter(({ file }) => wantsMetadata(resolve(dir, file)))
    .map((location) => createMessage("decorator-metadata", { text: TEXT, hint: HINT, location }));
}

/** The bundler's form of a class with decorators. Compiled packages have other names. */
const DECORATED = /(?<![\w$])__decorate(?:Class\(\[|Element\()/g;

function wantsMetadata(file: string): boolean {
  const tsconfig = findTsconfig(dirname(file));
  return tsconfig !== undefined && compilerOption(tsconfig, "emitDecoratorMetadata") === true;
}
