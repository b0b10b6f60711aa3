import { describe, expect, it } from "vitest";
import {
  type BhttpRequest,
  type BhttpResponse,
  readBhttpRequest,
  readBhttpResponse,
  writeBhttpRequest,
  writeBhttpResponse,
} from "./bhttp.ts";

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ""), "hex");

const NOTHING = new Uint8Array();

/** RFC 9292, section 5.1. */
const REQUEST_FIELDS = [
  ...["user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"],
  ...["host", "www.example.com", "accept-language", "en, mi"],
];
const request: BhttpRequest = {
  ...{ framing: "known", method: "GET", scheme: "https", authority: "", path: "/hello.txt" },
  ...{ fields: REQUEST_FIELDS, content: NOTHING, trailers: [] },
};
const KNOWN_REQUEST = hex(`
  00034745 54056874 74707300 0a2f6865 6c6c6f2e 74787440 6c0a7573 65722d61 67656e74 34637572 6c2f372e
  31362e33 206c6962 6375726c 2f372e31 362e3320 4f70656e 53534c2f 302e392e 376c207a 6c69622f 312e322e
  3304686f 73740f77 77772e65 78616d70 6c652e63 6f6d0f61 63636570 742d6c61 6e677561 67650665 6e2c206d
  690000`);
const INDETERMINATE_REQUEST = hex(`
  02034745 54056874 74707300 0a2f6865 6c6c6f2e 7478740a 75736572 2d616765 6e743463 75726c2f 372e3136
  2e33206c 69626375 726c2f37 2e31362e 33204f70 656e5353 4c2f302e 392e376c 207a6c69 622f312e 322e3304
  686f7374 0f777777 2e657861 6d706c65 2e636f6d 0f616363 6570742d 6c616e67 75616765 06656e2c 206d6900
  00000000 00000000 00000000`);

/** RFC 9292, section 5.2. */
const INTERIM_RESPONSE = hex(`
  03406607 72756e6e 696e670a 22736c65 65702031 35220040 67046c69 6e6b233c 2f737479 6c652e63 73733e3b
  2072656c 3d707265 6c6f6164 3b206173 3d737479 6c65046c 696e6b24 3c2f7363 72697074 2e6a733e 3b207265
  6c3d7072 656c6f61 643b2061 733d7363 72697074 0040c804 64617465 1d4d6f6e 2c203237 204a756c 20323030
  39203132 3a32383a 35332047 4d540673 65727665 72064170 61636865 0d6c6173 742d6d6f 64696669 65641d57
  65642c20 3232204a 756c2032 30303920 31393a31 353a3536 20474d54 04657461 67142233 34616133 38372d64
  2d313536 38656230 30220d61 63636570 742d7261 6e676573 05627974 65730e63 6f6e7465 6e742d6c 656e6774
  68023531 04766172 790f4163 63657074 2d456e63 6f64696e 670c636f 6e74656e 742d7479 70650a74 6578742f
  706c6169 6e003348 656c6c6f 20576f72 6c642120 4d792063 6f6e7465 6e742069 6e636c75 64657320 61207472
  61696c69 6e672043 524c462e 0d0a0000`);
const interimResponse: BhttpResponse = {
  framing: "indeterminate",
  status: 200,
  informational: [
    { status: 102, fields: ["running", '"sleep 15"'] },
    {
      status: 103,
      fields: [
        ...["link", "</style.css>; rel=preload; as=style"],
        ...["link", "</script.js>; rel=preload; as=script"],
      ],
    },
  ],
  fields: [
    ...["date", "Mon, 27 Jul 2009 12:28:53 GMT", "server", "Apache"],
    ...["last-modified", "Wed, 22 Jul 2009 19:15:56 GMT", "etag", '"34aa387-d-1568eb00"'],
    ...["accept-ranges", "bytes", "content-length", "51", "vary", "Accept-Encoding"],
    ...["content-type", "text/plain"],
  ],
  content: Buffer.from("Hello World! My content includes a trailing CRLF.\r\n"),
  trailers: [],
};
const TRAILER_RESPONSE = hex(`
  0140c800 1d546869 7320636f 6e74656e 7420636f 6e746169 6e732043 524c462e 0d0a0d07 74726169 6c657204
  74657874`);
const trailerResponse: BhttpResponse = {
  ...{ framing: "known", status: 200, informational: [], fields: [] },
  ...{ content: Buffer.from("This content contains CRLF.\r\n"), trailers: ["trailer", "text"] },
};

const bytesOf = <Message extends { content: Uint8Array }>(message: Message) => ({
  ...message,
  content: Buffer.from(message.content),
});

function readRequest(bytes: Uint8Array) {
  const read = readBhttpRequest(bytes);
  return read.ok ? bytesOf(read.message) : read.why;
}

function readResponse(bytes: Uint8Array) {
  const read = readBhttpResponse(bytes);
  return read.ok ? bytesOf(read.message) : read.why;
}

describe("the examples of RFC 9292", () => {
  it("are read", () => {
    expect(readRequest(KNOWN_REQUEST)).toEqual(bytesOf(request));
    expect(readRequest(INDETERMINATE_REQUEST)).toEqual(bytesOf({ ...request, framing: "indeterminate" }));
    expect(readResponse(INTERIM_RESPONSE)).toEqual(bytesOf(interimResponse));
    expect(readResponse(TRAILER_RESPONSE)).toEqual(bytesOf(trailerResponse));
  });

  it("are written, byte for byte", () => {
    expect(writeBhttpRequest(request)).toEqual(KNOWN_REQUEST);
    // Without the ten bytes of padding.
    const unpadded = INDETERMINATE_REQUEST.subarray(0, -10);
    expect(writeBhttpRequest({ ...request, framing: "indeterminate" })).toEqual(unpadded);
    expect(writeBhttpResponse(interimResponse)).toEqual(INTERIM_RESPONSE);
    expect(writeBhttpResponse(trailerResponse)).toEqual(TRAILER_RESPONSE);
  });

  it("may lose their empty parts and their padding at the end, and nothing else", () => {
    for (let cut = 0; cut <= 2; cut++)
      expect(readRequest(KNOWN_REQUEST.subarray(0, KNOWN_REQUEST.length - cut))).toEqual(bytesOf(request));
    for (let cut = 0; cut <= 12; cut++)
      expect(readRequest(INDETERMINATE_REQUEST.subarray(0, INDETERMINATE_REQUEST.length - cut))).toEqual(
        bytesOf({ ...request, framing: "indeterminate" }),
      );
    // Behind control data a field section may be missing, too.
    const control = 1 + 4 + 6 + 1 + 11;
    for (let length = 0; length < KNOWN_REQUEST.length - 2; length++)
      expect(typeof readRequest(KNOWN_REQUEST.subarray(0, length))).toBe(
        length === control ? "object" : "string",
      );
    const whole = INDETERMINATE_REQUEST.length - 12;
    for (let length = 0; length < whole; length++)
      expect(typeof readRequest(INDETERMINATE_REQUEST.subarray(0, length))).toBe(
        length === control ? "object" : "string",
      );
  });

  it("take zeros as padding, and no other bytes", () => {
    expect(readRequest(Buffer.concat([KNOWN_REQUEST, Buffer.alloc(100)]))).toEqual(bytesOf(request));
    expect(readRequest(Buffer.concat([KNOWN_REQUEST, Buffer.from([0, 1])]))).toBe("bytes follow its end");
    expect(readResponse(Buffer.concat([TRAILER_RESPONSE, Buffer.alloc(3)]))).toEqual(
      bytesOf(trailerResponse),
    );
  });
});

const GET = "00 03474554 00 00 012f";

describe("a request", () => {
  it("has chunks for content, where its length was not known", () => {
    expect(readRequest(hex("02 03505554 00 0168 012f 00 026162 0163 00 00"))).toMatchObject({
      ...{ framing: "indeterminate", method: "PUT", authority: "h", content: Buffer.from("abc") },
    });
  });

  it.each([
    ["a response", "01 40c8 00 00 00"],
    ["another number", "04 03474554 00 00 012f 00"],
    ["nothing", ""],
    ["a method with a space", "00 03472054 00 00 012f 00"],
    ["no method", "00 00 00 00 012f 00"],
    ["no path", "00 03474554 00 00 00 00"],
    ["a path with a line feed", "00 03474554 00 00 022f0a 00"],
    ["an authority with a space", "00 03474554 00 03612062 012f 00"],
    ["a scheme that is none", "00 03474554 032f2f2f 00 012f 00"],
    ["a length beyond the message", `${GET} 00 05 61`],
    ["a length of 8 bytes beyond all messages", `${GET} 00 ffffffffffffffff 61`],
    ["a field without a name", `${GET} 02 0000`],
    ["a field with a name in upper case", `${GET} 04 0141 0162`],
    ["a field with a space in its name", `${GET} 04 0120 0162`],
    ["a field with a line feed in its value", `${GET} 04 0161 010a`],
    ["a field with a zero in its value", `${GET} 04 0161 0100`],
    ["a field that control data has", `${GET} 0a 053a70617468 03 2f6162`],
    ["a pseudo-field behind others", `${GET} 09 0161 0162 023a61 0162`],
    ["a field cut off by its section", `${GET} 03 0161 05 6162636465`],
    ["chunks without an end", "02 03474554 00 00 012f 00 0161"],
    ["fields without an end", "02 03474554 00 00 012f 0161 0162"],
  ])("is refused where it is %s", (_what, bytes) => {
    expect(typeof readRequest(hex(bytes))).toBe("string");
  });

  it("may have pseudo-fields of extensions, which have no meaning", () => {
    expect(readRequest(hex(`${GET} 09 023a61 0162 0161 0162`))).toMatchObject({ fields: ["a", "b"] });
  });

  it("loses the white space around a value", () => {
    expect(readRequest(hex(`${GET} 06 0161 03 206209`))).toMatchObject({ fields: ["a", "b"] });
  });

  it("takes integers in more bytes than they need", () => {
    expect(readRequest(hex("4000 4003474554 80000000 00 c000000000000001 2f 00"))).toMatchObject({
      path: "/",
    });
  });

  it.each([
    ["method", { method: "M".repeat(64) }, { method: "M".repeat(65) }],
    ["authority", { authority: "a".repeat(256) }, { authority: "a".repeat(257) }],
    ["path", { path: `/${"a".repeat(4_095)}` }, { path: `/${"a".repeat(4_096)}` }],
    ["field", { fields: ["a", "b".repeat(16_383)] }, { fields: ["a", "b".repeat(16_384)] }],
  ])("has a bound of its %s, in both directions", (_what, most, over) => {
    const bytes = writeBhttpRequest({ ...request, ...most });
    expect(readRequest(bytes ?? NOTHING)).toMatchObject(most);
    expect(writeBhttpRequest({ ...request, ...over })).toBeUndefined();
  });

  it.each([
    ["a method that is none", { method: "G T" }],
    ["no path", { path: "" }],
    ["a path with a space", { path: "/a b" }],
    ["a name that is none", { fields: ["a b", "c"] }],
    ["a value with a line feed", { fields: ["a", "b\nc"] }],
  ])("is not written with %s", (_what, part) => {
    expect(writeBhttpRequest({ ...request, ...part })).toBeUndefined();
  });
});

describe("a response", () => {
  it.each([
    ["a status below 100", "01 4063 00"],
    ["a status over 599", "01 4258 00"],
    ["only an informational response", "01 4064 00"],
    ["a request", "00 03474554 00 00 012f 00"],
    ["a status cut off", "01 40"],
  ])("is refused where it has %s", (_what, bytes) => {
    expect(typeof readResponse(hex(bytes))).toBe("string");
  });

  it("may be its status alone", () => {
    expect(readResponse(hex("01 40cc"))).toMatchObject({ status: 204, fields: [], trailers: [] });
  });

  it("is not written with a status that is none", () => {
    expect(writeBhttpResponse({ ...trailerResponse, status: 199 })).toBeUndefined();
    expect(writeBhttpResponse({ ...trailerResponse, status: 600 })).toBeUndefined();
  });
});
