/** The imports of the builder's modules of `.proto` files: descriptors at run time, and the paths of `google.api.http`. */
export * from "@bufbuild/protobuf/codegenv2";
export * from "@bufbuild/protobuf/wkt";
export { withRest } from "./rest-protocol.ts";
