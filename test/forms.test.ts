import { describe, expect, it } from "vitest";
import { startWorld } from "./harness/world.ts";

describe("forms and files over HTTP", () => {
  it("take an upload apart, and give it back as a download and as a form", async () => {
    await using world = await startWorld();
    await world.push(
      "files",
      `export default async (request) => {
         const form = await request.formData();
         const file = form.get("file");
         if (form.get("as") === "download") return new Response(file, { headers: { "x-name": file.name } });
         form.set("seen", file.name + " " + file.type + " " + file.size);
         return new Response(form);
       }`,
    );
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index * 31);
    const send = (as: string) => {
      const form = new FormData();
      form.append("as", as);
      form.append("file", new File([bytes], 'a "b".bin', { type: "x/y" }));
      return fetch(world.url("/files"), { method: "POST", body: form });
    };

    const download = await send("download");
    const fields = ["content-type", "content-length", "x-name"].map((name) => download.headers.get(name));
    expect(fields).toEqual(["x/y", "300000", 'a "b".bin']);
    expect(Buffer.compare(await download.bytes(), bytes)).toBe(0);

    const answer = await (await send("form")).formData();
    expect(answer.get("seen")).toBe('a "b".bin x/y 300000');
    const back = answer.get("file");
    expect(back instanceof File && Buffer.compare(await back.bytes(), bytes)).toBe(0);
  });
});
