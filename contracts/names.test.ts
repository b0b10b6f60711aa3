import { expect, test } from "vitest";
import { GrpcServiceSchema } from "./names.ts";

test.each(["Greeter", "helloworld.Greeter", "grpc.health.v1.Health", "_a.B_2"])(
  "%j is a gRPC service",
  (name) => {
    expect(GrpcServiceSchema.safeParse(name).success).toBe(true);
  },
);

test.each(["", ".Greeter", "a..B", "a.B.", "/a.B", "a.B/C", "a b", "2.B", "x".repeat(256)])(
  "%j is no gRPC service",
  (name) => {
    expect(GrpcServiceSchema.safeParse(name).success).toBe(false);
  },
);
