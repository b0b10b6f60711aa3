/** `narun/protobuf`: the library of Protobuf, and the types of its well-known messages. Generated types import from here. */
export * from "@bufbuild/protobuf";
export type * from "@bufbuild/protobuf/codegenv2";
export * from "@bufbuild/protobuf/wkt";
