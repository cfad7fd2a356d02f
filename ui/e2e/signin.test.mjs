// The four ways of signing in, in a real browser, through the sample app.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
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

const prompt = (page, kind) => page.locator(`main[data-prompt="${kind}"]`).waitFor();
const start = async (page, way = "Sign in") => {
  await page.goto(`${stile.issuer}/dev/app`);
  await page.getByRole("button", { name: way, exact: true }).click();
};
const claims = async (page) => JSON.parse(await page.locator("#claims").textContent());

describe("sign-in", () => {
  test("by password, and a passkey made on the way signs in next time", async () => {
    const { page, authenticator, close } = await person(chrome, { passkeys: true });
    await authenticator.present(false); // the conditional call must wait for a person
    await start(page);
    await prompt(page, "ask.identifier");
    assert.equal(await page.locator("#can_passkey").inputValue(), "yes");
    await page.fill("#identifier", "ann@example.com");
    await page.keyboard.press("Enter");
    await prompt(page, "password.verify");
    await page.fill("#password", "nonsense");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "There is a problem" }).waitFor();
    assert.match(await page.title(), /^Error: /);
    await page.fill("#password", "correct-horse-battery");
    await page.keyboard.press("Enter");
    await prompt(page, "passkey.offer");
    await authenticator.present(true);
    await page.getByRole("button", { name: "Create a passkey" }).click();
    await page.locator("#claims").waitFor();
    const first = await claims(page);
    assert.equal(first.acr, "urn:stile:basic");
    assert.equal(first.tier, "gold");
    assert.deepEqual(first.amr, ["pwd"]);
    assert.equal((await authenticator.credentials()).length, 1);
    assert.match((await stile.mail("ann@example.com", { subject: /passkey/i })).text, /passkey/i);

    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await start(page); // autofill: the conditional call is answered without a press
    await page.locator("#claims").waitFor();
    const second = await claims(page);
    assert.equal(second.sub, first.sub);
    assert.equal(second.acr, "urn:stile:strong");
    assert.ok(second.amr.includes("mfa") && second.amr.includes("user"));
    await close();
  });

  test("a cancelled passkey dialog stays on the page with both ways on", async () => {
    const { page, authenticator, close } = await person(chrome, { passkeys: true });
    await authenticator.verified(false); // whoever holds the device cannot unlock it: the call is refused
    await start(page);
    await prompt(page, "ask.identifier");
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    // With no passkey here the page may first explain where else one could be.
    const notice = page.locator(".notice:visible").first();
    await notice.waitFor();
    await page.locator("#identifier").fill("bob@example.com");
    await page.keyboard.press("Enter");
    await prompt(page, "password.verify");
    await page.fill("#password", "correct-horse-battery");
    await page.keyboard.press("Enter");
    await page.locator(`#claims, main[data-prompt="passkey.offer"]`).first().waitFor();
    if (await page.locator(`main[data-prompt="passkey.offer"]`).count()) {
      await page.getByRole("button", { name: "Not now" }).click();
    }
    assert.equal((await claims(page)).tier, "silver");
    await close();
  });

  test("at the employer, with a CRM that does not know the person", async () => {
    const { page, close } = await person(chrome);
    await start(page);
    await page.fill("#identifier", "carol@acme.example");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Cancel" }).click();
    await prompt(page, "ask.identifier");
    await page.fill("#identifier", "carol@acme.example");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Continue", exact: true }).click();
    await page.locator("#claims").waitFor();
    const got = await claims(page);
    assert.equal(got.tier, "basic");
    assert.equal(got.acr, "urn:stile:basic");
    await close();
  });

  test("sign-up proves the address, then a passkey is enough for ever", async () => {
    const { page, authenticator, close } = await person(chrome, { passkeys: true });
    await start(page, "Create an account");
    await prompt(page, "ask.identifier");
    await page.fill("#identifier", "eve@example.com");
    await page.keyboard.press("Enter");
    await prompt(page, "otp.email");
    await page.fill("#code", code(await stile.mail("eve@example.com")));
    await page.keyboard.press("Enter");
    await prompt(page, "ask.choice");
    await page.getByRole("button", { name: "Create a passkey" }).click();
    await prompt(page, "passkey.enroll");
    await page.getByRole("button", { name: "Create a passkey" }).click();
    await page.locator("#claims").waitFor();
    assert.equal((await claims(page)).acr, "urn:stile:strong");
    assert.equal((await authenticator.credentials()).length, 1);
    await close();
  });

  test("recovery leads to a new password and ends other sessions", async () => {
    const elsewhere = await person(chrome);
    await start(elsewhere.page);
    await elsewhere.page.fill("#identifier", "bob@example.com");
    await elsewhere.page.keyboard.press("Enter");
    await elsewhere.page.fill("#password", "correct-horse-battery");
    await elsewhere.page.keyboard.press("Enter");
    await elsewhere.page.locator("#claims").waitFor();

    const { page, close } = await person(chrome);
    await start(page);
    await page.fill("#identifier", "bob@example.com");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Forgot your password?" }).click();
    await prompt(page, "otp.email");
    await page.fill("#code", code(await stile.mail("bob@example.com")));
    await page.keyboard.press("Enter");
    await prompt(page, "password.set");
    await page.fill("#new_password", "tulip-orchard-violin-bridge");
    await page.keyboard.press("Enter");
    await page.locator("#claims").waitFor();
    assert.match((await stile.mail("bob@example.com", { subject: /password/i })).subject, /password/i);
    await close();

    await elsewhere.page.getByRole("button", { name: "Refresh" }).click();
    await elsewhere.page.waitForLoadState();
    assert.match(await elsewhere.page.locator("main").innerText(), /invalid_grant|refused|signed out|ended/i);
    await elsewhere.close();
  });
});

describe("without script", () => {
  test("the whole sign-in works, and passkey buttons are not there", async () => {
    const { page, close } = await person(chrome, { script: false });
    await start(page);
    await prompt(page, "ask.identifier");
    assert.equal(await page.getByRole("button", { name: "Sign in with a passkey" }).isVisible(), false);
    await page.fill("#identifier", "ann@example.com");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.fill("#password", "correct-horse-battery");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.locator("#claims").waitFor();
    await close();
  });
});
