import { expect, it } from "vitest";
import { goNameOf, grpcCodes } from "../../../contracts/index.ts";
import { connectCodeOf, GrpcCode, type GrpcCodeName } from "./codes.ts";

// Programs of users load the SDK, which has no module of the platform's.
it("the SDK's codes are those of the wire", () => {
  expect(GrpcCode).toEqual(grpcCodes);
});

it("Connect's spelling of a code is Go's in another form", () => {
  for (const [name, code] of Object.entries(GrpcCode))
    if (code > 0)
      expect(connectCodeOf(name as GrpcCodeName).replaceAll("_", "")).toBe(goNameOf(code).toLowerCase());
});
