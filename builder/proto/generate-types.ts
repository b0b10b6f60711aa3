/** The declarations of a `.proto` file, for TypeScript: the same exports as its module in a bundle, in erasable syntax. */
import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescOneof,
  type DescService,
  ScalarType,
} from "@bufbuild/protobuf";
import type { ParsedFile } from "./parsed-file.ts";
import { schemaNameOf, typeNameOf, typesOf } from "./proto-names.ts";
import { safeIdentifier } from "./safe-identifier.ts";

export interface TypesSource {
  readonly file: DescFile;
  readonly parsed: ParsedFile;
  /** The specifier of an imported file, relative to the declarations. Undefined: its types are declared here, too. */
  specifierOf(file: DescFile): string | undefined;
}

export function renderTypes(source: TypesSource): string {
  return new Declarations(source).text();
}

class Declarations {
  readonly #source: TypesSource;
  /** Names by specifier. */
  readonly #imports = new Map<string, Set<string>>();
  /** Files of narun's own, whose types are declared beside. */
  readonly #inlined = new Set<DescFile>();

  constructor(source: TypesSource) {
    this.#source = source;
  }

  text(): string {
    const { file, parsed } = this.#source;
    const own = this.#fileText(file);
    const beside: string[] = [];
    // The loop sees files that are added while it runs.
    for (const one of this.#inlined) beside.push(this.#fileText(one));
    const imports = [...this.#imports].sort().map(([specifier, names]) => {
      return `import type { ${[...names].sort().join(", ")} } from ${JSON.stringify(specifier)};\n`;
    });
    const head = `// Written by \`narun types\` from ${parsed.source.name.split("/").at(-1)}. Changes to this file are lost.\n`;
    return `${head}${imports.join("")}\n${[own, ...beside].join("\n")}`;
  }

  #fileText(file: DescFile): string {
    const { messages, enums, extensions } = typesOf(file);
    const parts = [
      ...messages.map((desc) => this.#message(desc)),
      ...enums.map((desc) => this.#enum(desc)),
      ...extensions.map((desc) => this.#extension(desc)),
      ...file.services.map((desc) => this.#service(desc)),
    ];
    return parts.join("\n");
  }

  #use(specifier: string, ...names: string[]): void {
    const known = this.#imports.get(specifier) ?? new Set();
    for (const name of names) known.add(name);
    this.#imports.set(specifier, known);
  }

  /** A type of this file or another; the name under which it is known here. */
  #ref(desc: DescMessage | DescEnum, name: string): string {
    const { file } = this.#source;
    if (desc.file === file || this.#inlined.has(desc.file)) return name;
    const specifier = this.#source.specifierOf(desc.file);
    if (specifier === undefined) this.#inlined.add(desc.file);
    else this.#use(specifier, name);
    return name;
  }

  #message(desc: DescMessage): string {
    const name = typeNameOf(desc);
    this.#use("narun/protobuf", "GenMessage", "Message");
    const members = desc.members.map((member) =>
      member.kind === "oneof" ? this.#oneof(member) : this.#field(member),
    );
    const body = members.length === 0 ? "{}" : `{\n${members.join("\n")}\n}`;
    return `${this.#doc(desc, `The message ${desc.typeName}.`)}export type ${name} = Message<${JSON.stringify(desc.typeName)}> & ${body};
/** The descriptor of ${desc.typeName}: \`create(${name}Schema, { … })\`. */
export declare const ${schemaNameOf(desc)}: GenMessage<${name}>;
`;
  }

  #field(field: DescField): string {
    const isOptional =
      field.fieldKind === "message" ||
      ((field.fieldKind === "scalar" || field.fieldKind === "enum") &&
        field.presence !== IMPLICIT &&
        field.presence !== REQUIRED);
    return `${this.#doc(field, `Field ${field.number}.`, "  ")}  ${property(field.localName)}${isOptional ? "?" : ""}: ${this.#typeOf(field)};`;
  }

  #oneof(oneof: DescOneof): string {
    const cases = oneof.fields.map(
      (field) => `    | { case: ${JSON.stringify(field.localName)}; value: ${this.#typeOf(field)} }`,
    );
    return `${this.#doc(oneof, `At most one of ${oneof.fields.map(({ name }) => name).join(", ")}.`, "  ")}  ${property(oneof.localName)}:\n${cases.join("\n")}\n    | { case: undefined; value?: undefined };`;
  }

  #typeOf(field: DescField): string {
    switch (field.fieldKind) {
      case "scalar":
        return scalarType(field.scalar, field.longAsString);
      case "enum":
        return this.#ref(field.enum, typeNameOf(field.enum));
      case "message":
        return this.#messageType(field);
      case "list": {
        const inner =
          field.listKind === "scalar"
            ? scalarType(field.scalar, field.longAsString)
            : field.listKind === "enum"
              ? this.#ref(field.enum, typeNameOf(field.enum))
              : this.#plainMessage(field.message);
        return `${inner}[]`;
      }
      case "map": {
        const value =
          field.mapKind === "scalar"
            ? scalarType(field.scalar, false)
            : field.mapKind === "enum"
              ? this.#ref(field.enum, typeNameOf(field.enum))
              : this.#plainMessage(field.message);
        return `{ [key: ${keyType(field.mapKey)}]: ${value} }`;
      }
    }
  }

  /** A wrapper outside a oneof is its value. */
  #messageType(field: DescField & { fieldKind: "message" }): string {
    const { message } = field;
    const [only] = message.fields;
    const isWrapper = /^google\.protobuf\.\w+Value$/.test(message.typeName) && message.fields.length === 1;
    if (field.oneof === undefined && isWrapper && only?.fieldKind === "scalar") {
      return scalarType(only.scalar, only.longAsString);
    }
    return this.#plainMessage(message);
  }

  #plainMessage(message: DescMessage): string {
    if (message.typeName === "google.protobuf.Struct") {
      this.#use("narun/protobuf", "JsonObject");
      return "JsonObject";
    }
    return this.#ref(message, typeNameOf(message));
  }

  #enum(desc: DescEnum): string {
    const name = typeNameOf(desc);
    this.#use("narun/protobuf", "GenEnum");
    const values = desc.values.map(
      (value) =>
        `${this.#doc(value, `${value.name}.`, "  ")}  readonly ${property(value.localName)}: ${value.number};`,
    );
    return `${this.#doc(desc, `The enum ${desc.typeName}.`)}export declare const ${name}: {\n${values.join("\n")}\n};
export type ${name} = (typeof ${name})[keyof typeof ${name}];
/** The descriptor of ${desc.typeName}. */
export declare const ${schemaNameOf(desc)}: GenEnum<${name}>;
`;
  }

  #extension(desc: DescExtension): string {
    const name = typeNameOf(desc);
    this.#use("narun/protobuf", "GenExtension");
    const extendee = this.#ref(desc.extendee, typeNameOf(desc.extendee));
    return `${this.#doc(desc, `The extension ${desc.typeName}.`)}export declare const ${name}: GenExtension<${extendee}, ${this.#typeOf(desc as unknown as DescField)}>;\n`;
  }

  #service(desc: DescService): string {
    this.#use("narun/protobuf", "GenService");
    const methods = desc.methods.map((method) => {
      const [input, output] = [method.input, method.output].map((type) =>
        this.#ref(type, schemaNameOf(type)),
      );
      const members = `methodKind: ${JSON.stringify(method.methodKind)}; input: typeof ${input}; output: typeof ${output}`;
      return `${this.#doc(method, `${desc.typeName}.${method.name}`, "  ")}  ${property(method.localName)}: { ${members} };`;
    });
    const body = methods.length === 0 ? "Record<never, never>" : `{\n${methods.join("\n")}\n}`;
    return `${this.#doc(desc, `The service ${desc.typeName}: \`grpc(${desc.name}, { … })\`.`)}export declare const ${safeIdentifier(desc.name)}: GenService<${body}>;\n`;
  }

  /** The comment of the source, else `usual`. */
  #doc(part: { proto: object }, usual: string, indent = ""): string {
    const comment = this.#source.parsed.comments.get(part.proto) ?? usual;
    const lines = comment.replaceAll("*/", "* /").split("\n");
    if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
    return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
  }
}

/** `FeatureSet.FieldPresence`. */
const IMPLICIT = 2;
const REQUIRED = 3;

const LONG = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
  ScalarType.SINT64,
]);

function scalarType(type: ScalarType, longAsString: boolean): string {
  if (type === ScalarType.STRING) return "string";
  if (type === ScalarType.BOOL) return "boolean";
  if (type === ScalarType.BYTES) return "Uint8Array";
  if (!LONG.has(type)) return "number";
  return longAsString ? "string" : "bigint";
}

/** The keys of an object are texts, and numbers where they are small. */
function keyType(type: ScalarType): string {
  return type === ScalarType.STRING || type === ScalarType.BOOL || LONG.has(type) ? "string" : "number";
}

function property(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}
