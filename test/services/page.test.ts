/** The page to try actions (`/docs`), in a real browser engine under its own content policy. Skipped where no engine is installed. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BROWSER, openPage } from "../harness/browser.ts";
import { eventually } from "../harness/eventually.ts";
import { startWorld, type World } from "../harness/world.ts";

const SOURCE = `
import { service } from "narun";
import { z } from "zod";
export default service({ name: "shop", version: "1.0.0", description: "<img src=x onerror=alert(1)>" })
  .action("pay", { description: "Pays <b>now</b>.", input: z.object({ id: z.string(), cents: z.int().min(5) }) }, ({ id, cents }) => ({ paid: id + ":" + cents }))
  .action("get", { path: "shop/{id}", readOnly: true, input: z.object({ id: z.string() }) }, ({ id }) => ({ found: id }));
`;

let world: World;
beforeAll(async () => {
  world = await startWorld({ gateway: { interfaces: { openApi: "local" } } });
  await world.push("shop", SOURCE);
}, 120_000);
afterAll(() => world[Symbol.asyncDispose]());

/** Opens the part of an operation, fills it in, sends, and gives the answer. */
const trying = (summary: string, fill: string) => `(async () => {
  const part = [...document.querySelectorAll("details")].find((one) => one.querySelector("summary").textContent === ${JSON.stringify(summary)});
  part.open = true;
  ${fill}
  part.querySelector("button").click();
  const answer = part.querySelector("pre");
  for (let turn = 0; turn < 600 && !/^\\d{3} /.test(answer.textContent); turn++) await new Promise((resolve) => setTimeout(resolve, 50));
  return answer.textContent;
})()`;

describe.skipIf(BROWSER === undefined)(
  "the page of services, in a browser (apt-get install chromium-headless-shell)",
  () => {
    it("shows the actions as text, sends what a person writes, and shows the answer", async () => {
      await using page = await openPage(BROWSER ?? "", world.url("/docs"));
      const titles = await eventually(async () => {
        const found = await page.evaluate<string[]>(
          "[...document.querySelectorAll('summary')].map((one) => one.textContent)",
        );
        expect(found.length).toBeGreaterThan(1);
        return found;
      });
      expect(titles).toEqual(expect.arrayContaining(["POST /shop.pay", "GET /shop/{id}"]));
      expect(await page.evaluate("document.querySelectorAll('main img, main b').length")).toBe(0);
      expect(await page.evaluate("document.body.textContent.includes('<b>now</b>')")).toBe(true);
      expect(await page.evaluate("getComputedStyle(document.querySelector('summary')).cursor")).toBe(
        "pointer",
      );

      const body =
        'const text = part.querySelector("textarea"); text.value = JSON.stringify({ ...JSON.parse(text.value), id: "7" });';
      expect(await page.evaluate(trying("POST /shop.pay", body))).toContain('"paid": "7:5"');
      const wrong = 'part.querySelector("textarea").value = "{}";';
      expect(
        await page.evaluate(trying("POST /shop.pay", `part.querySelector("pre").textContent = ""; ${wrong}`)),
      ).toMatch(/^422 [\s\S]*INVALID_INPUT/);
      const place = 'part.querySelector("input").value = "a/b c";';
      expect(await page.evaluate(trying("GET /shop/{id}", place))).toContain('"found": "a/b c"');
      expect(page.faults.filter((text) => !text.includes("422"))).toEqual([]);
    }, 60_000);
  },
);
