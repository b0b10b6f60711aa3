import { describe, expect, it } from "vitest";
import { callJson } from "../../runtime/testing/sandbox.ts";

describe("fetch of an object URL", () => {
  it("gives its blob, as it was when the request was made", async () => {
    expect(
      await callJson(`export default async () => {
        const url = URL.createObjectURL(new Blob(["ab"], { type: "x/y" }));
        const request = new Request(url + "#part");
        URL.revokeObjectURL(url);
        const response = await fetch(request.clone());
        const late = await fetch(url).catch((error) => error.name);
        const { status, headers } = response;
        return Response.json([status, [...headers], response.url === url, await response.text(), late]);
      }`),
    ).toEqual([
      200,
      [
        ["content-length", "2"],
        ["content-type", "x/y"],
      ],
      true,
      "ab",
      "TypeError",
    ]);
  });
});
