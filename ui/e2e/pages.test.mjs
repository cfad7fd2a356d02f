// Every page of the shipped flows: accessible, within its own origin, usable at 320 px, light and dark.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import AxeBuilder from "@axe-core/playwright";
import { browser, code, development, person } from "./stile.mjs";

let stile;
let chrome;
before(async () => {
  [stile, chrome] = await Promise.all([development(), browser()]);
});
after(async () => {
  await chrome?.close();
  await stile?.close();
});

/** Looks at a page as pages.md section 10 does. */
async function inspect(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    const found = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
    assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`), [], `${name}, ${colorScheme}`);
  }
  for (const width of [320, 768, 1440]) {
    await page.setViewportSize({ width, height: 720 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(over, 0, `${name} scrolls sideways at ${width}`);
    const low = await page.evaluate(() =>
      [...document.querySelectorAll("main button:not(.link), main input:not([type=hidden]):not(.hide):not([type=radio]):not([type=checkbox])")]
        .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5)
        .map((e) => `${e.outerHTML} ${e.getBoundingClientRect().height}`));
    assert.deepEqual(low, [], `${name}: controls below 44 px at ${width}`);
  }
  const order = await page.evaluate(() =>
    [...document.querySelectorAll("a[href], button, input, summary")]
      .filter((e) => e.offsetParent && e.tabIndex >= 0)
      .map((e) => e.tabIndex));
  assert.ok(order.every((i) => i === 0), `${name}: the tab order is not the reading order`);
}

test("every page of sign-in, sign-up, recovery and the account, in first and error state", async () => {
  const { page, close } = await person(chrome);
  const foreign = [];
  page.on("request", (r) => {
    if (!r.url().startsWith(stile.issuer)) foreign.push(r.url());
  });
  const begin = async (way) => {
    await page.goto(`${stile.issuer}/dev/app`);
    await page.getByRole("button", { name: way, exact: true }).click();
  };
  await begin("Sign in");
  await inspect(page, "identifier");
  await page.fill("#identifier", "no address");
  await page.keyboard.press("Enter");
  await page.locator("#problem").waitFor();
  await inspect(page, "identifier, error");
  await page.fill("#identifier", "ann@example.com");
  await page.keyboard.press("Enter");
  await page.locator("#password").waitFor();
  await inspect(page, "password");
  await page.fill("#password", "nonsense");
  await page.keyboard.press("Enter");
  await page.locator("#problem").waitFor();
  await inspect(page, "password, error");
  await page.getByRole("button", { name: "Forgot your password?" }).click();
  await page.locator("#code").waitFor();
  await inspect(page, "code");
  await page.fill("#code", "12 34-56");
  await page.keyboard.press("Enter");
  await page.locator("#problem").waitFor();
  await inspect(page, "code, error");
  await page.fill("#code", code(await stile.mail("ann@example.com")));
  await page.keyboard.press("Enter");
  await page.locator("#new_password").waitFor();
  await inspect(page, "new password");
  await page.fill("#new_password", "short");
  await page.keyboard.press("Enter");
  await page.locator("#problem").waitFor();
  await inspect(page, "new password, error");
  await page.fill("#new_password", "tulip-orchard-violin-bridge");
  await page.keyboard.press("Enter");
  await page.locator(`#claims, main[data-prompt="passkey.offer"]`).first().waitFor();
  if (await page.locator(`main[data-prompt="passkey.offer"]`).count()) {
    await inspect(page, "passkey offer");
    await page.getByRole("button", { name: "Not now" }).click();
  }
  await page.locator("#claims").waitFor();

  await begin("Manage account");
  await page.locator(`main[data-prompt="ask.choice"]`).waitFor();
  await inspect(page, "account menu");
  await page.getByRole("button", { name: "Where you are signed in" }).click();
  await page.locator(`main[data-prompt="session.manage"]`).waitFor();
  await inspect(page, "sessions");
  await page.goto(`${stile.issuer}/journey/AAAAAAAAAAAAAAAAAAAAAA`);
  assert.equal(await page.locator("main").getAttribute("data-prompt"), "error.expired");
  await inspect(page, "expired");
  await page.goto(`${stile.issuer}/authorize?client_id=nobody`);
  await inspect(page, "unknown client");
  await close();

  const other = await person(chrome);
  await other.page.goto(`${stile.issuer}/dev/app`);
  other.page.on("request", (r) => {
    if (!r.url().startsWith(stile.issuer)) foreign.push(r.url());
  });
  await other.page.getByRole("button", { name: "Sign in as a partner app would" }).click();
  const logo = other.page.locator("header img");
  await other.page.waitForFunction(() => document.querySelector("header img")?.naturalWidth > 0);
  assert.equal(await logo.getAttribute("src"), "/clients/partner/logo");
  assert.equal(await other.page.locator("footer").getByRole("link", { name: "Privacy policy of Partner app" }).getAttribute("href"), "https://partner.example/privacy");
  await inspect(other.page, "identifier, an app with a logo");
  await other.page.route("**/clients/partner/logo", (r) => r.fulfill({ status: 404 }));
  const box = () => other.page.evaluate(() => JSON.stringify([document.querySelector(".app").getBoundingClientRect(), document.querySelector("h1").getBoundingClientRect()]));
  await other.page.setViewportSize({ width: 320, height: 720 });
  const standing = await box();
  await other.page.reload();
  assert.equal(await box(), standing, "a logo that is away moves the page");
  await other.page.unroute("**/clients/partner/logo");
  await other.page.fill("#identifier", "bob@example.com");
  await other.page.keyboard.press("Enter");
  await other.page.fill("#password", "correct-horse-battery");
  await other.page.keyboard.press("Enter");
  await other.page.locator(`main[data-prompt="ask.consent"], main[data-prompt="passkey.offer"]`).first().waitFor();
  if (await other.page.locator(`main[data-prompt="passkey.offer"]`).count()) {
    await other.page.getByRole("button", { name: "Not now" }).click();
  }
  await other.page.locator(`main[data-prompt="ask.consent"]`).waitFor();
  await inspect(other.page, "consent");
  await other.page.getByRole("button", { name: "Allow", exact: true }).click();
  await other.page.locator("#claims").waitFor();
  await other.page.goto(`${stile.issuer}/dev/app`);
  await other.page.getByRole("button", { name: "Manage account", exact: true }).click();
  await other.page.getByRole("button", { name: "What you allowed apps" }).click();
  await other.page.locator(`main[data-prompt="consent.manage"]`).waitFor();
  await inspect(other.page, "consents");
  await other.page.getByRole("button", { name: "Withdraw" }).click();
  await other.page.getByText("You have not allowed any app anything.").waitFor();
  await inspect(other.page, "consents, none left");
  assert.match((await stile.mail("bob@example.com")).subject, /withdrew what Partner app may do/);
  await other.close();
  assert.deepEqual(foreign.filter((u) => !u.startsWith("data:")), [], "requests left the origin");
});

test("German words, and long ones, fit", async () => {
  const { page, close } = await person(chrome, { locale: "de-DE" });
  await page.goto(`${stile.issuer}/dev/app`);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator("#identifier").waitFor();
  assert.equal(await page.locator("html").getAttribute("lang"), "de");
  await inspect(page, "identifier, German");
  await close();
});
