import type { BundleMessage } from "../bundle-message.ts";

/** The doubt about a name whose service is in no description. */
export function unknownService(name: string): BundleMessage {
  return {
    id: "unknown-service",
    pluginName: "",
    text: `narun.yaml names the gRPC service ${name}, and no .proto file of the folder has it`,
    location: null,
    notes: [
      {
        text: "gRPC calls reach it; reflection and `narun invoke --grpc` do not know it, and gRPC-Web and Connect need a route of its own",
        location: null,
      },
    ],
    detail: undefined,
  };
}
