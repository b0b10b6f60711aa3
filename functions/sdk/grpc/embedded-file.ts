/**
 * Descriptors of files out of the builder's modules. Each is the tree of a `google.protobuf.FileDescriptorProto` with the set
 * fields alone. The library reads descriptors as bytes, for which it makes the descriptors of descriptors first: 10 ms of a
 * function's start.
 */
import { createFileRegistry, type DescFile } from "@bufbuild/protobuf";
import { protoCamelCase } from "@bufbuild/protobuf/reflect";
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";

type Tree = { readonly [field: string]: unknown };

/** The values of fields that are not set, and the empty lists, by the kind of a part. */
interface Part {
  readonly type: string;
  readonly unset?: Tree;
  readonly lists?: readonly string[];
  readonly parts?: Readonly<Record<string, Part>>;
}

/** 0 stands for "not set" in the features of an edition. */
const features: Part = {
  type: "FeatureSet",
  unset: {
    ...{ fieldPresence: 0, enumType: 0, repeatedFieldEncoding: 0, utf8Validation: 0, messageEncoding: 0 },
    ...{ jsonFormat: 0, enforceNamingStyle: 0, defaultSymbolVisibility: 0 },
  },
};
const options = (type: string, unset: Tree = {}): Part => ({
  type,
  unset: { deprecated: false, ...unset },
  lists: ["uninterpretedOption"],
  parts: { features },
});

const field: Part = {
  type: "FieldDescriptorProto",
  unset: {
    ...{ label: 1, typeName: "", extendee: "", defaultValue: "", oneofIndex: 0, jsonName: "" },
    proto3Optional: false,
  },
  parts: { options: options("FieldOptions", { ctype: 0, packed: false, jstype: 0, lazy: false }) },
};
const enumType: Part = {
  type: "EnumDescriptorProto",
  unset: { visibility: 0 },
  lists: ["value", "reservedRange", "reservedName"],
  parts: {
    value: {
      type: "EnumValueDescriptorProto",
      unset: { number: 0 },
      parts: { options: options("EnumValueOptions") },
    },
    options: options("EnumOptions", { allowAlias: false }),
  },
};
const message: Part = {
  type: "DescriptorProto",
  unset: { visibility: 0 },
  lists: [
    ...["field", "extension", "nestedType", "enumType", "extensionRange", "oneofDecl"],
    ...["reservedRange", "reservedName"],
  ],
  parts: {
    field,
    extension: field,
    enumType,
    oneofDecl: { type: "OneofDescriptorProto", parts: { options: options("OneofOptions") } },
    extensionRange: { type: "DescriptorProto.ExtensionRange" },
    reservedRange: { type: "DescriptorProto.ReservedRange" },
    options: options("MessageOptions", { mapEntry: false, messageSetWireFormat: false }),
    get nestedType() {
      return message;
    },
  },
};
const file: Part = {
  type: "FileDescriptorProto",
  unset: { package: "", syntax: "", edition: 0 },
  lists: [
    ...["dependency", "publicDependency", "weakDependency", "optionDependency"],
    ...["messageType", "enumType", "service", "extension"],
  ],
  parts: {
    messageType: message,
    enumType,
    extension: field,
    service: {
      type: "ServiceDescriptorProto",
      lists: ["method"],
      parts: {
        method: {
          type: "MethodDescriptorProto",
          unset: { inputType: "", outputType: "", clientStreaming: false, serverStreaming: false },
          parts: { options: options("MethodOptions", { idempotencyLevel: 0 }) },
        },
        options: options("ServiceOptions"),
      },
    },
    options: options("FileOptions"),
  },
};

/** The descriptor of a file. `imports`: the descriptors of the files whose types it uses. */
export function embeddedFile(tree: Tree, imports: readonly DescFile[]): DescFile {
  const proto = restore(tree, file) as unknown as FileDescriptorProto;
  proto.dependency = imports.map((one) => one.proto.name);
  const registry = createFileRegistry(proto, (name) => imports.find((one) => one.proto.name === name));
  return registry.getFile(proto.name) as DescFile;
}

function restore(tree: Tree, part: Part): Tree {
  const whole: Record<string, unknown> = Object.create(part.unset ?? {});
  whole.$typeName = `google.protobuf.${part.type}`;
  for (const name of part.lists ?? []) whole[name] = [];
  for (const [name, value] of Object.entries(tree)) {
    const inner = part.parts?.[name];
    if (inner === undefined) whole[name] = value;
    else if (Array.isArray(value)) whole[name] = value.map((one: Tree) => restore(one, inner));
    else whole[name] = restore(value as Tree, inner);
  }
  // The usual name is left out.
  if (part === field && !Object.hasOwn(tree, "jsonName")) whole.jsonName = protoCamelCase(String(tree.name));
  return whole;
}
