// Clients that were not written here prove themselves by keys: private_key_jwt, DPoP with nonces, pushed and signed requests, signed answers.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { answers, browser, freePort, person, postOffice, run } from "./stile.mjs";

let chrome;
let stile;
let published;
let post;
const keys = {};

const jwk = async (pair, kid) => ({ ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid, use: "sig", key_ops: undefined, ext: undefined });

before(async () => {
  chrome = await browser();
  keys.bank = await oauth.generateKeyPair("ES256");
  keys.robot = await oauth.generateKeyPair("Ed25519");
  const set = JSON.stringify({ keys: [await jwk(keys.bank, "bank-1")] });
  const server = createServer((_, response) => {
    response.setHeader("content-type", "application/jwk-set+json");
    response.end(set);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  published = { uri: `http://127.0.0.1:${server.address().port}/jwks`, close: () => server.close() };

  const dir = await mkdtemp(join(tmpdir(), "stile-e2e-"));
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  await mkdir(join(dir, "flows"));
  await writeFile(join(dir, "flows", "join.yaml"), `flow: join
start: who
accept: { urn:stile:basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: code } }
  code: { use: otp.email, with: { purpose: sign-up }, next: { ok: create, failed: denied } }
  create: { use: account.create, next: { created: password, exists: denied } }
  password: { use: password.set, next: { ok: done, stale: denied } }
`);
  post = await postOffice();
  await writeFile(join(dir, "stile.yaml"), `issuer: ${issuer}
listen: 127.0.0.1:${port}
data: data
flows: flows
password: { memory: 64, iterations: 1 }
mail: { from: "Test <no-reply@example.com>", smtp: "127.0.0.1:${post.port}", tls: none }
authorization-details:
  payment: { schema: { type: object, required: [amount], properties: { amount: { type: string } } } }
clients:
  - id: bank
    name: The Bank
    profile: fapi2-message-signing
    auth: private_key_jwt
    jwks_uri: ${published.uri}
    allow_private: true
    dpop_nonce: required
    redirect_uris: ["https://bank.example/cb"]
    grant_types: [authorization_code, refresh_token]
    scopes: [openid, profile, email]
    offline: true
    consent: ask
    authorization_details_types: [payment]
    flows: { default: join }
  - id: poster
    auth: none
    first_party: true
    redirect_uris: ["https://poster.example/cb"]
    response_modes: [form_post, form_post.jwt]
    scopes: [openid]
    flows: { default: join }
  - id: robot
    auth: private_key_jwt
    jwks: ${JSON.stringify({ keys: [await jwk(keys.robot, "r")] })}
    grant_types: [client_credentials]
    scopes: [api]
    dpop: required
    dpop_nonce: required
    introspect: any
`);
  const server2 = run(["serve", "--config", join(dir, "stile.yaml")]);
  try {
    await answers(`http://127.0.0.1:${port}/readyz`);
  } catch (cause) {
    await server2.kill();
    throw new Error(`${cause.message}\n${server2.log()}`);
  }
  stile = { issuer, log: server2.log, close: async () => { await server2.close(); await rm(dir, { recursive: true, force: true }); } };
  await wait(11_000); // a store that has just begun cannot know which assertions were used before
});
after(async () => {
  await chrome?.close();
  await stile?.close();
  published?.close();
  post?.close();
});

test("openid-client on fapi2-message-signing: key, pushed and signed request, signed answer, bound tokens, consent to a payment", async () => {
  const config = await client.discovery(new URL(stile.issuer), "bank",
    { authorization_signed_response_alg: "ES256", id_token_signed_response_alg: "ES256" },
    client.PrivateKeyJwt({ key: keys.bank.privateKey, kid: "bank-1" }), { execute: [client.allowInsecureRequests] });
  client.useJwtResponseMode(config);
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const signed = await client.buildAuthorizationUrlWithJAR(config, {
    redirect_uri: "https://bank.example/cb", scope: "openid email offline_access", state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    authorization_details: JSON.stringify([{ type: "payment", amount: "12.50 EUR" }]),
  }, { key: keys.bank.privateKey, kid: "bank-1" });
  const url = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP });
  assert.deepEqual([...url.searchParams.keys()].sort(), ["client_id", "request_uri"]);

  const { page, close } = await person(chrome);
  try {
    const back = await reach(page, url, "https://bank.example/cb");
    const callback = new URL(back.url());
    assert.deepEqual([...callback.searchParams.keys()], ["response"]);
    const tokens = await client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }, undefined, { DPoP });
    assert.equal(tokens.token_type, "dpop");
    assert.deepEqual(tokens.authorization_details, [{ type: "payment", amount: "12.50 EUR" }]);
    const info = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
    assert.equal(info.email, "new@example.com");
    const stolen = await fetch(`${stile.issuer}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    assert.equal(stolen.status, 401);
    const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    assert.equal(fresh.token_type, "dpop");
    assert.equal(fresh.refresh_token, undefined);
    await assert.rejects(client.authorizationCodeGrant(config, callback, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }, undefined, { DPoP }), (e) => e.error === "invalid_grant");
    const again = await page.goto(url.href);
    assert.equal(again.status(), 400); // the pushed request earned its one code
  } finally {
    await close();
  }
});

/** Opens a sign-in, answers every page, and returns the request that reaches the app. */
async function reach(page, url, app) {
  let request;
  await page.route(`${app}**`, (route) => {
    request = route.request();
    return route.fulfill({ contentType: "text/html", body: "<title>app</title>" });
  });
  await page.goto(url.href);
  let seen = "";
  for (let n = 0; n < 12; n++) {
    if (request) return request;
    const prompt = await page.locator("main").getAttribute("data-prompt", { timeout: 2000 }).catch(() => null);
    seen += ` ${prompt}`;
    if (!prompt) continue;
    for (let i = 0; prompt === "otp.email" && !post.code && i < 100; i++) await wait(50);
    if (prompt === "ask.consent") assert.match(await page.locator("main").innerText(), /12\.50 EUR/);
    for (const [field, value] of [["#identifier", "new@example.com"], ["#code", post.code ?? ""], ["#new_password", "a long and fresh pass phrase"]]) {
      const input = page.locator(field);
      if ((await input.count()) && (await input.isEditable())) await input.fill(value);
    }
    await page.locator("main button.primary").first().click();
    for (let i = 0; i < 40 && !request && (await page.locator("main").getAttribute("data-prompt", { timeout: 50 }).catch(() => null)) === prompt; i++) await wait(25);
  }
  throw new Error(`the app was not reached:${seen}\n${await page.locator("main").innerText()}`);
}

test("oauth4webapi proves a machine by an Ed25519 key and DPoP with a required nonce", async () => {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const as = await oauth.processDiscoveryResponse(new URL(stile.issuer), await oauth.discoveryRequest(new URL(stile.issuer), { algorithm: "oauth2", ...insecure }));
  const robot = { client_id: "robot" };
  const auth = oauth.PrivateKeyJwt({ key: keys.robot.privateKey, kid: "r" });
  const pair = await oauth.generateKeyPair("ES256");
  const DPoP = oauth.DPoP(robot, pair);
  const ask = async () => oauth.processClientCredentialsResponse(as, robot, await oauth.clientCredentialsGrantRequest(as, robot, auth, new URLSearchParams({ scope: "api" }), { DPoP, ...insecure }));
  await assert.rejects(ask(), (e) => oauth.isDPoPNonceError(e));
  const tokens = await ask(); // the handle remembered the nonce
  assert.equal(tokens.token_type, "dpop");
  const answer = await oauth.processIntrospectionResponse(as, robot, await oauth.introspectionRequest(as, robot, auth, tokens.access_token, insecure));
  assert.equal(answer.active, true);
  assert.equal(answer.cnf.jkt, await DPoP.calculateThumbprint());
});

for (const script of [true, false]) {
  test(`an answer that is posted arrives ${script ? "by itself" : "by a button where there is no script"}`, async () => {
    const as = await oauth.processDiscoveryResponse(new URL(stile.issuer), await oauth.discoveryRequest(new URL(stile.issuer), { [oauth.allowInsecureRequests]: true }));
    const verifier = oauth.generateRandomCodeVerifier();
    const url = new URL(as.authorization_endpoint);
    for (const [name, value] of Object.entries({ client_id: "poster", redirect_uri: "https://poster.example/cb", response_type: "code", scope: "openid", state: "s", prompt: "none",
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" })) url.searchParams.set(name, value);
    const { page, close } = await person(chrome, { script });
    try {
      let got;
      const arrived = new Promise((done) => (got = done));
      await page.route("https://poster.example/cb", (route) => {
        got(route.request());
        return route.fulfill({ contentType: "text/html", body: "<title>app</title>" });
      });
      await page.goto(url.href);
      if (!script) {
        assert.equal(await page.locator("main").getAttribute("data-prompt"), "answer.post");
        await page.locator("#continue").click();
      }
      const request = await arrived;
      assert.equal(request.method(), "POST");
      const fields = new URLSearchParams(request.postData());
      assert.equal(fields.get("error"), "login_required");
      assert.equal(fields.get("state"), "s");
      assert.equal(fields.get("iss"), stile.issuer);
    } finally {
      await close();
    }
  });
}
