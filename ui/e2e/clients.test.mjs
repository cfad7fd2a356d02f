// Clients and providers that were not written here: openid-client as the app, oidc-provider as the employer.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { Provider } from "oidc-provider";
import * as client from "openid-client";
import { answers, browser, development, freePort, person, run } from "./stile.mjs";

let chrome;
before(async () => {
  chrome = await browser();
});
after(async () => {
  await chrome?.close();
});

/** An app's callback: answers one request and hands its URL over. */
async function callback() {
  let arrived;
  const got = new Promise((done) => (arrived = done));
  const server = createServer((request, response) => {
    response.end("<title>Signed in</title>");
    if (request.url.startsWith("/callback")) arrived(new URL(request.url, `http://127.0.0.1:${server.address().port}`));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return { uri: `http://127.0.0.1:${server.address().port}/callback`, got, close: () => server.close() };
}

const settings = (issuer, port, extra) => `issuer: ${issuer}
listen: 127.0.0.1:${port}
data: data
flows: flows
password: { memory: 64, iterations: 1 }
clients:
  - id: app
    secrets: [${createHash("sha256").update("app-secret-of-the-test").digest("hex")}]
    redirect_uris: ["http://127.0.0.1/callback"]
    grant_types: [authorization_code, refresh_token]
    scopes: [openid, profile, email]
    offline: true
    first_party: true
    introspect: any
    flows: { default: signin, create: signup }
${extra}`;

/** A server from settings of its own, with the shipped flows. */
async function deployment(extra) {
  const dir = await mkdtemp(join(tmpdir(), "stile-e2e-"));
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  await cp(resolve(import.meta.dirname, "../../flows"), join(dir, "flows"), { recursive: true });
  await writeFile(join(dir, "stile.yaml"), settings(issuer, port, extra));
  const server = run(["serve", "--config", join(dir, "stile.yaml")]);
  try {
    await answers(`http://127.0.0.1:${port}/readyz`);
  } catch (cause) {
    await server.kill();
    throw new Error(`${cause.message}\n${server.log()}`);
  }
  return {
    issuer,
    log: server.log,
    async close() {
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** An OpenID provider of the employer's, with one person in it. */
async function employer(redirect, port) {
  const provider = new Provider(`http://localhost:${port}`, {
    clients: [{ client_id: "stile", client_secret: "the-secret-between-the-two", redirect_uris: [redirect], grant_types: ["authorization_code"], response_types: ["code"] }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@acme.example`, email_verified: true, name: "Carol of Acme" }) }),
  });
  const server = provider.listen(port, "localhost");
  await answers(`http://localhost:${port}/.well-known/openid-configuration`);
  return { issuer: `http://localhost:${port}`, close: () => new Promise((done) => server.close(done)) };
}

test("openid-client signs in by code and PKCE, reads userinfo, introspects, refreshes and revokes", async () => {
  const stile = await development();
  const { page, close } = await person(chrome);
  try {
    const config = await client.discovery(new URL(stile.issuer), "bench", undefined, client.ClientSecretBasic("bench-secret"), { execute: [client.allowInsecureRequests] });
    const verifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: "http://127.0.0.1:9/cb", scope: "openid profile email offline_access", state, nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    });
    const arrived = new Promise((done) => page.on("request", (r) => r.url().startsWith("http://127.0.0.1:9/cb") && done(new URL(r.url()))));
    await page.goto(url.href);
    await page.fill("#identifier", "ann@example.com");
    await page.keyboard.press("Enter");
    await page.fill("#password", "correct-horse-battery");
    await page.keyboard.press("Enter");
    await page.locator(`main[data-prompt="passkey.offer"]`).waitFor({ timeout: 2000 }).then(() => page.getByRole("button", { name: "Not now" }).click(), () => {});
    const tokens = await client.authorizationCodeGrant(config, await arrived, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
    assert.equal(tokens.claims().tier, "gold");
    assert.equal(tokens.claims().acr, "urn:stile:basic");
    const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    assert.equal(info.email, "ann@example.com");
    assert.equal(info.email_verified, true);
    const seen = await client.tokenIntrospection(config, tokens.access_token);
    assert.equal(seen.active, true);
    assert.equal(seen.sub, tokens.claims().sub);
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token);
    assert.notEqual(fresh.refresh_token, tokens.refresh_token);
    await client.tokenRevocation(config, fresh.refresh_token);
    assert.equal((await client.tokenIntrospection(config, fresh.access_token)).active, false);
    await assert.rejects(client.refreshTokenGrant(config, fresh.refresh_token), (e) => e.error === "invalid_grant");
    const machine = await client.clientCredentialsGrant(config, { scope: "api" });
    assert.equal((await client.tokenIntrospection(config, machine.access_token)).client_id, "bench");
  } finally {
    await close();
    await stile.close();
  }
});

test("an employer that runs oidc-provider: sign-in, cancel, and a CRM that is down", async () => {
  process.env.ACME_SECRET_FOR_TEST = "the-secret-between-the-two";
  const acmePort = await freePort();
  let acme;
  const dead = await freePort(); // nobody listens: the CRM is down
  const stile = await deployment(`providers:
  acme: { title: Acme, issuer: "http://localhost:${acmePort}", client_id: stile, client_secret: "env:ACME_SECRET_FOR_TEST", scopes: [email, profile], vouches: one-factor, allow-private: true }
connectors:
  crm: { base: "http://127.0.0.1:${dead}", allow-private: true, timeout: 300ms, retries: 0 }
claims:
  tier: { from: journey, scope: profile, to: [id_token] }
  name: { from: account, scope: profile, to: [id_token] }
`);
  const app = await callback();
  const { page, close } = await person(chrome);
  try {
    const config = await client.discovery(new URL(stile.issuer), "app", undefined, client.ClientSecretBasic("app-secret-of-the-test"), { execute: [client.allowInsecureRequests] });
    const verifier = client.randomPKCECodeVerifier();
    const state = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: app.uri, scope: "openid profile", state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    });
    await page.goto(url.href);
    await page.fill("#identifier", "carol@acme.example");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Your employer is not answering" }).waitFor(); // it has not started yet
    acme = await employer(`${stile.issuer}/federate/callback`, acmePort);
    await page.getByRole("button", { name: "Start again" }).click();
    await page.fill("#identifier", "carol@acme.example");
    await page.keyboard.press("Enter");
    await page.locator("[name=login]").fill("carol"); // the provider's own pages from here
    await page.locator("[name=password]").fill("anything");
    await page.locator("[type=submit]").click();
    await page.locator("[type=submit]").click(); // its consent
    const tokens = await client.authorizationCodeGrant(config, await app.got, { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true });
    assert.equal(tokens.claims().tier, "basic");
    assert.equal(tokens.claims().name, "Carol of Acme");

    const again = await person(chrome);
    await again.page.goto(url.href);
    await again.page.fill("#identifier", "dave@acme.example");
    await again.page.keyboard.press("Enter");
    await again.page.getByRole("link", { name: /cancel/i }).click();
    await again.page.locator(`main[data-prompt="ask.identifier"]`).waitFor();
    await again.close();
  } finally {
    await close();
    app.close();
    await acme?.close();
    await stile.close();
  }
});

test("openid-client registers itself with an initial access token, signs a person in, and is removed", async () => {
  process.env.ACME_SECRET_FOR_TEST = "the-secret-between-the-two";
  process.env.STILE_TEST_ENTRY = "the-initial-access-token-of-the-test";
  const acmePort = await freePort();
  const dead = await freePort(); // nobody listens: the CRM is down
  const stile = await deployment(`providers:
  acme: { title: Acme, issuer: "http://localhost:${acmePort}", client_id: stile, client_secret: "env:ACME_SECRET_FOR_TEST", scopes: [email, profile], vouches: one-factor, allow-private: true }
connectors:
  crm: { base: "http://127.0.0.1:${dead}", allow-private: true, timeout: 300ms, retries: 0 }
registration:
  tokens: [{ name: partners, secret: "env:STILE_TEST_ENTRY", kind: app }]
  kinds:
    app: { flows: { default: signin }, scopes: [openid, profile, email] }
`);
  const acme = await employer(`${stile.issuer}/federate/callback`, acmePort);
  const app = await callback();
  const { page, close } = await person(chrome);
  const insecure = { execute: [client.allowInsecureRequests] };
  const metadata = { client_name: "Bring your own app", application_type: "native", redirect_uris: [app.uri], grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "client_secret_post" };
  try {
    await assert.rejects(client.dynamicClientRegistration(new URL(stile.issuer), metadata, undefined, insecure));
    const config = await client.dynamicClientRegistration(new URL(stile.issuer), metadata, undefined, { ...insecure, initialAccessToken: "the-initial-access-token-of-the-test" });
    const registered = config.clientMetadata();
    assert.match(registered.client_id, /^reg-[a-z2-7]{26}$/);
    assert.equal(registered.id_token_signed_response_alg, "RS256");
    const verifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: app.uri, scope: "openid profile", state, nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    });
    await page.goto(url.href);
    await page.fill("#identifier", "carol@acme.example");
    await page.keyboard.press("Enter");
    await page.locator("[name=login]").fill("carol"); // the employer's own pages
    await page.locator("[name=password]").fill("anything");
    await page.locator("[type=submit]").click();
    await page.locator("[type=submit]").click(); // its consent
    await page.locator(`main[data-prompt="ask.consent"]`).waitFor();
    assert.match(await page.locator("main").innerText(), /Bring your own app/);
    await page.locator("main button.primary").first().click();
    const tokens = await client.authorizationCodeGrant(config, await app.got, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true });
    assert.equal(tokens.claims().aud, registered.client_id);
    await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);

    const own = { headers: { authorization: `Bearer ${registered.registration_access_token}` } };
    assert.equal((await (await fetch(registered.registration_client_uri, own)).json()).client_name, "Bring your own app");
    assert.equal((await fetch(registered.registration_client_uri, { ...own, method: "DELETE" })).status, 204);
    await assert.rejects(client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
    await assert.rejects(client.refreshTokenGrant(config, tokens.refresh_token), (e) => e.error === "invalid_client");
  } finally {
    await close();
    app.close();
    await acme.close();
    await stile.close();
  }
});
