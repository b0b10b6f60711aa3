/** A `.proto` file as a descriptor: syntax proto2, proto3 and editions 2023 and 2024 (protobuf.dev, language specifications). */
import { create } from "@bufbuild/protobuf";
import {
  Edition,
  FileDescriptorProtoSchema,
  MethodDescriptorProtoSchema,
  type ServiceDescriptorProto,
  ServiceDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { parseEnum } from "./parse-enum.ts";
import { parseExtend, parseMessageType } from "./parse-message.ts";
import { ParseScope, scopeOf } from "./parse-scope.ts";
import type { ParsedFile } from "./parsed-file.ts";
import { ProtoError, type ProtoSource } from "./proto-error.ts";
import type { Token } from "./tokens.ts";

const EDITIONS: Record<string, Edition> = { 2023: Edition.EDITION_2023, 2024: Edition.EDITION_2024 };

/** Reads a file. Imports and names of types are not resolved. Error: ProtoError. */
export function parseProto(source: ProtoSource): ParsedFile {
  const descriptor = create(FileDescriptorProtoSchema, { name: source.name });
  const file = new ParseScope(source, descriptor);
  parseSyntax(file);
  let hasPackage = false;
  while (file.reader.next.kind !== "end") {
    if (file.reader.takeIf(";")) continue;
    const at = file.reader.next;
    const isPackage = at.text === "package";
    if (isPackage && hasPackage) throw new ProtoError(at, "a second package", "name one package in a file");
    hasPackage ||= isPackage;
    parseStatement(file);
  }
  const { imports, options, references, places, comments } = file;
  return { source, descriptor, imports, options, references, places, comments };
}

function parseSyntax({ reader, descriptor }: ParseScope): void {
  const keyword = reader.next;
  if (keyword.text !== "syntax" && keyword.text !== "edition") {
    throw new ProtoError(
      keyword,
      "the file names no syntax",
      'write `syntax = "proto3";` as its first line (without it a file is proto2: then write `syntax = "proto2";`)',
    );
  }
  reader.take();
  reader.expect("=", keyword.text);
  const { bytes, place } = reader.text('"proto3"');
  const value = Buffer.from(bytes).toString();
  reader.expect(";", "the syntax");
  if (keyword.text === "edition") {
    const edition = EDITIONS[value];
    if (edition === undefined) throw unknownSyntax(place, value, "2023 or 2024");
    descriptor.syntax = "editions";
    descriptor.edition = edition;
    return;
  }
  if (value !== "proto2" && value !== "proto3") throw unknownSyntax(place, value, "proto3 or proto2");
  // protoc leaves it out for proto2.
  if (value === "proto3") descriptor.syntax = value;
}

function unknownSyntax(place: Token, value: string, known: string): ProtoError {
  return new ProtoError(place, `${JSON.stringify(value)} is not known`, `write ${known}`);
}

function parseStatement(file: ParseScope): void {
  const { reader, descriptor } = file;
  const { text } = reader.next;
  switch (text) {
    case "import":
      parseImport(file);
      return;
    case "package": {
      reader.take();
      descriptor.package = reader.fullName("the name of the package").text;
      reader.expect(";", "the package");
      return;
    }
    case "option":
      file.option("file", descriptor, descriptor.package);
      return;
    case "message":
      descriptor.messageType.push(parseMessageType(file, descriptor.package, 0));
      return;
    case "enum":
      descriptor.enumType.push(parseEnum(file, descriptor.package));
      return;
    case "extend":
      parseExtend(file, descriptor.package, descriptor.extension, descriptor.messageType);
      return;
    case "service":
      descriptor.service.push(parseService(file));
      return;
    default:
      throw reader.unexpected("message, enum, service, extend, import, package or option");
  }
}

function parseImport({ reader, descriptor, imports }: ParseScope): void {
  reader.take();
  const isPublic = reader.takeIf("public");
  if (!isPublic && !reader.takeIf("weak")) reader.takeIf("option");
  const { bytes, place } = reader.text('the name of a file, as in "other.proto"');
  reader.expect(";", "the import");
  const name = Buffer.from(bytes).toString();
  if (imports.some((one) => one.name === name))
    throw new ProtoError(place, `${name} is imported twice`, "remove one");
  imports.push({ name, isPublic, place });
  if (isPublic) descriptor.publicDependency.push(imports.length - 1);
}

function parseService(file: ParseScope): ServiceDescriptorProto {
  const { reader } = file;
  reader.take();
  const token = reader.name("the name of the service");
  const service = create(ServiceDescriptorProtoSchema, { name: token.text });
  file.note(service, token);
  const scope = scopeOf(file.descriptor.package, token.text);
  reader.expect("{", "the name of the service");
  while (!reader.takeIf("}")) {
    if (reader.takeIf(";")) continue;
    if (reader.is("option")) file.option("service", service, scope);
    else if (reader.is("rpc")) parseMethod(file, service, scope);
    else throw reader.unexpected("rpc, option or } in a service");
  }
  return service;
}

function parseMethod(file: ParseScope, service: ServiceDescriptorProto, scope: string): void {
  const { reader } = file;
  reader.take();
  const token = reader.name("the name of the method");
  const method = create(MethodDescriptorProtoSchema, { name: token.text });
  file.note(method, token);
  reader.expect("(", "the name of the method");
  if (isStream(file)) method.clientStreaming = true;
  file.typeReference(scope, "message", (name) => {
    method.inputType = name;
  });
  reader.expect(")", "the type of the request");
  reader.expect("returns", "the request");
  reader.expect("(", "returns");
  if (isStream(file)) method.serverStreaming = true;
  file.typeReference(scope, "message", (name) => {
    method.outputType = name;
  });
  reader.expect(")", "the type of the reply");
  if (reader.takeIf("{")) {
    while (!reader.takeIf("}")) {
      if (reader.takeIf(";")) continue;
      if (!reader.is("option")) throw reader.unexpected("option or } in a method");
      file.option("method", method, scope);
    }
  } else reader.expect(";", "the method");
  service.method.push(method);
}

/** `stream` before a type. A type may have this name too. */
function isStream({ reader }: ParseScope): boolean {
  if (!reader.is("stream") || reader.isThen(")") || reader.isThen(".")) {
    if (!reader.is("stream") || !reader.isThen(".")) return false;
  }
  reader.take();
  return true;
}
