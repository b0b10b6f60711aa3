/** The descriptors of the files of Protobuf itself, for the modules of `.proto` files that use them. */
export * from "@bufbuild/protobuf/wkt";
