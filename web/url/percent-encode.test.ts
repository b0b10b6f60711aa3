import { describe, expect, it } from "vitest";
import { percentEncodeAfterEncoding } from "./percent-encode.ts";

const QUERY = ` "#<>`;

describe("percentEncodeAfterEncoding", () => {
  it("encodes controls, what is not ASCII, and the set", () => {
    expect(percentEncodeAfterEncoding("utf-8", "a=\u0001 é~\u007f<'", QUERY)).toBe("a=%01%20%C3%A9~%7F%3C'");
    expect(percentEncodeAfterEncoding("utf-8", "a='", `${QUERY}'`)).toBe("a=%27");
  });

  it("leaves everything else", () => {
    const plain = Array.from({ length: 0x5e }, (_, index) => String.fromCharCode(0x21 + index))
      .filter((character) => !`${QUERY}'`.includes(character))
      .join("");
    expect(percentEncodeAfterEncoding("utf-8", plain, `${QUERY}'`)).toBe(plain);
  });

  it("takes half a surrogate pair for a replacement character", () => {
    expect(percentEncodeAfterEncoding("utf-8", "\ud800", QUERY)).toBe("%EF%BF%BD");
  });
});
