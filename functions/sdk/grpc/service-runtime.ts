/** The imports of the builder's modules of `.proto` files: descriptors at run time, and the paths of `google.api.http`. */
export { enumDesc, extDesc, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
export { embeddedFile } from "./embedded-file.ts";
export { withRest } from "./rest-router.ts";
