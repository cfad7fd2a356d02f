// A single-page app by the token handler, in a real browser: its script gets by without ever seeing a token.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, development, person } from "./stile.mjs";

let stile;
let chrome;
before(async () => {
  [stile, chrome] = await Promise.all([development(), browser()]);
});
after(async () => {
  await chrome?.close();
  await stile?.close();
});

test("S076: signs in, calls an API and signs out, and no token reaches the script", async () => {
  const { page, close } = await person(chrome);
  const seen = [];
  page.on("response", async (response) => {
    if (["fetch", "xhr", "script", "document"].includes(response.request().resourceType())) seen.push(await response.text().catch(() => ""));
  });
  await page.goto(`${stile.issuer}/dev/spa`);
  await page.getByText("Not signed in").waitFor();
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.fill("#identifier", "ann@example.com");
  await page.keyboard.press("Enter");
  await page.locator('main[data-prompt="password.verify"]').waitFor();
  await page.fill("#password", "correct-horse-battery");
  await page.keyboard.press("Enter");
  await page.getByText("Signed in", { exact: true }).waitFor();
  assert.equal(page.url(), `${stile.issuer}/dev/spa`);
  await page.getByRole("button", { name: "Call an API" }).click();
  await page.getByText("The API answered 200").waitFor();
  assert.equal(JSON.parse(await page.locator("#known").textContent()).email, "ann@example.com");
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByText("Signed in", { exact: true }).waitFor();
  const kept = await page.evaluate(() => JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, document.documentElement.outerHTML]));
  for (const text of [...seen, kept]) assert.doesNotMatch(text, /sta_|str_|stb_|eyJ[A-Za-z0-9_-]{20}/);
  assert.ok(seen.length > 4);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("Not signed in").waitFor();
  await page.goto(`${stile.issuer}/dev/app`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator('main[data-prompt="ask.identifier"]').waitFor(); // the person's session has ended too
  await close();
});
