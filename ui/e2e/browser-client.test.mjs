// A page of another origin that holds its own tokens, by oidc-client-ts in a real browser: what its script may do across origins, and what nobody's may.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { answers, browser, freePort, person, postOffice, run } from "./stile.mjs";

let chrome;
let stile;
let app;
let post;

const flows = {
  "signin.yaml": `flow: signin
start: session
accept: { urn:stile:basic: [one-factor] }
steps:
  session: { use: session.check, with: { accept: urn:stile:basic }, next: { fresh: done, stale: who, none: who } }
  who: { use: ask.identifier, next: { given: password } }
  password: { use: password.verify, next: { ok: done, forgot: denied, must-change: denied, locked: denied } }
`,
  "join.yaml": `flow: join
start: who
accept: { urn:stile:basic: [one-factor] }
steps:
  who: { use: ask.identifier, next: { given: code } }
  code: { use: otp.email, with: { purpose: sign-up }, next: { ok: create, failed: denied } }
  create: { use: account.create, next: { created: password, exists: denied } }
  password: { use: password.set, next: { ok: done, stale: denied } }
`,
};

/** A server whose clients are pages of one origin. */
async function deployment(origin) {
  const dir = await mkdtemp(join(tmpdir(), "stile-e2e-"));
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  await mkdir(join(dir, "flows"));
  for (const [name, text] of Object.entries(flows)) await writeFile(join(dir, "flows", name), text);
  const page = `auth: none
    first_party: true
    redirect_uris: ["${origin}/callback", "${origin}/silent"]
    post_logout_redirect_uris: ["${origin}/bye"]
    web_origins: ["${origin}"]
    grant_types: [authorization_code, refresh_token]
    scopes: [openid, email]
    flows: { default: signin, create: join }`;
  await writeFile(join(dir, "stile.yaml"), `issuer: ${issuer}
listen: 127.0.0.1:${port}
data: data
flows: flows
password: { memory: 64, iterations: 1 }
mail: { from: "Test <no-reply@example.com>", smtp: "127.0.0.1:${post.port}", tls: none }
clients:
  - id: page
    ${page}
  - id: prover
    dpop: required
    dpop_nonce: required
    ${page}
  - id: elsewhere
    ${page.replace(`web_origins: ["${origin}"]`, 'web_origins: ["https://elsewhere.example"]')}
`);
  const server = run(["serve", "--config", join(dir, "stile.yaml")]);
  try {
    await answers(`http://127.0.0.1:${port}/readyz`);
  } catch (cause) {
    await server.kill();
    throw new Error(`${cause.message}\n${server.log()}`);
  }
  return {
    issuer,
    async close() {
      await server.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Serves the app: the same page at every path, and the library as it was published. */
async function pages() {
  const library = async (path) => readFile(resolve(import.meta.dirname, "../node_modules", path));
  const files = { "/oidc-client-ts.js": await library("oidc-client-ts/dist/esm/oidc-client-ts.js"), "/jwt-decode.js": await library("jwt-decode/build/esm/index.js") };
  const page = `<!doctype html><title>App</title><script type="importmap">{"imports":{"oidc-client-ts":"/oidc-client-ts.js","jwt-decode":"/jwt-decode.js"}}</script>
<script type="module">import * as oidc from "oidc-client-ts"; window.oidc = oidc; if (location.pathname === "/silent") new oidc.UserManager({}).signinSilentCallback();</script>`;
  const server = createServer((request, response) => {
    const file = files[new URL(request.url, "http://app").pathname];
    response.setHeader("content-type", file ? "text/javascript" : "text/html");
    response.end(file ?? page);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  return { origin: `http://localhost:${port}`, other: `http://127.0.0.1:${port}`, close: () => server.close() };
}

before(async () => {
  [app, post, chrome] = await Promise.all([pages(), postOffice(), browser()]);
  stile = await deployment(app.origin);
  const { page, close } = await person(chrome); // ann joins
  await open(page);
  await redirect(page, { prompt: "create" }, `${stile.issuer}/**`);
  await page.fill("#identifier", "ann@example.com");
  await page.keyboard.press("Enter");
  await page.locator("#code").waitFor();
  for (let n = 0; !post.code && n < 200; n++) await wait(50);
  for (const [field, value] of [["#code", post.code], ["#new_password", "correct-horse-battery"]]) {
    await page.fill(field, value);
    await page.locator("main button.primary").first().click();
  }
  await page.waitForURL(`${app.origin}/callback?**`);
  await close();
});
after(async () => {
  await chrome?.close();
  await stile?.close();
  app?.close();
  post?.close();
});

/** Shows the app and gives its script a manager of tokens. */
async function open(page, { path = "/", origin = app.origin, ...change } = {}) {
  await page.goto(origin + path);
  await manage(page, change);
}

async function manage(page, change = {}) {
  await page.waitForFunction(() => window.oidc);
  await page.evaluate(
    ({ dpop, ...settings }) => {
      if (dpop) settings.dpop = { store: new oidc.IndexedDbDPoPStore(), bind_authorization_code: true };
      window.manager = new oidc.UserManager({ ...settings, userStore: new oidc.WebStorageStateStore({ store: sessionStorage }) });
    },
    {
      authority: stile.issuer, client_id: "page", redirect_uri: `${app.origin}/callback`, silent_redirect_uri: `${app.origin}/silent`, post_logout_redirect_uri: `${app.origin}/bye`,
      scope: "openid email", loadUserInfo: true, automaticSilentRenew: false, ...change,
    },
  );
}

/** Begins to sign in and waits for a page, the server's or the app's again. */
async function redirect(page, request, where) {
  await Promise.all([page.waitForURL(where), page.evaluate((r) => void window.manager.signinRedirect(r), request)]);
}

/** Signs ann in and comes back to the app's callback. */
async function signIn(page, request = { state: { cart: 7 } }) {
  await redirect(page, request, `${stile.issuer}/**`);
  await page.fill("#identifier", "ann@example.com");
  await page.keyboard.press("Enter");
  await page.fill("#password", "correct-horse-battery");
  await page.keyboard.press("Enter");
  await page.waitForURL(`${app.origin}/callback?**`);
}

/** What a call of the manager gives: a user without functions, or how it failed. */
const asked = (page, call, argument) =>
  page.evaluate(
    async ([name, given]) => {
      try {
        const user = await window.manager[name](given);
        return user && JSON.parse(JSON.stringify({ ...user, state: user.userState ?? user.state }));
      } catch (e) {
        return { failed: e.message, error: e.error };
      }
    },
    [call, argument],
  );

test("oidc-client-ts signs in by redirect, reads userinfo, renews by its refresh token and signs out", async () => {
  const { page, close } = await person(chrome);
  try {
    await open(page);
    await signIn(page);
    await manage(page);
    const user = await asked(page, "signinRedirectCallback");
    assert.equal(user.failed, undefined);
    assert.equal(user.profile.iss, stile.issuer);
    assert.equal(user.profile.aud, "page");
    assert.equal(user.profile.email, "ann@example.com"); // from userinfo
    assert.deepEqual(user.state, { cart: 7 });
    assert.match(user.refresh_token, /^str_/);
    assert.match((await asked(page, "signinRedirectCallback")).failed, /No matching state/); // an answer is good once

    const calls = [];
    page.on("request", (r) => calls.push(r));
    const fresh = await asked(page, "signinSilent");
    assert.equal(fresh.failed, undefined);
    assert.notEqual(fresh.access_token, user.access_token);
    assert.notEqual(fresh.refresh_token, user.refresh_token);
    assert.equal(fresh.profile.sub, user.profile.sub);
    assert.deepEqual(calls.filter((r) => r.method() === "POST").map((r) => [r.url(), new URLSearchParams(r.postData()).get("grant_type")]), [[`${stile.issuer}/token`, "refresh_token"]]);
    for (const c of calls) assert.equal((await c.allHeaders()).cookie, undefined, c.url()); // none of the person's session goes with what a script asks

    await manage(page, { revokeTokensOnSignout: true });
    const reads = (token) => page.evaluate(([url, t]) => fetch(url, { headers: { authorization: `Bearer ${t}` } }).then((r) => r.status), [`${stile.issuer}/userinfo`, token]);
    assert.equal(await reads(fresh.access_token), 200);
    assert.equal((await asked(page, "revokeTokens", ["refresh_token"]))?.failed, undefined);
    assert.equal(await reads(fresh.access_token), 401);

    await Promise.all([page.waitForURL(`${app.origin}/bye?**`), page.evaluate(() => void window.manager.signoutRedirect({ state: "left" }))]);
    await manage(page);
    const left = await asked(page, "signoutRedirectCallback");
    assert.equal(left.state, "left");
    assert.equal(await asked(page, "getUser"), null);
    await redirect(page, {}, `${stile.issuer}/**`);
    await page.locator('main[data-prompt="ask.identifier"]').waitFor(); // the session is over too
  } finally {
    await close();
  }
});

test("an answer with another state, or in another browser, signs nobody in", async () => {
  const [{ page, close }, other] = [await person(chrome), await person(chrome)];
  try {
    await open(page);
    await signIn(page);
    const back = page.url();
    const changed = new URL(back);
    changed.searchParams.set("state", "a".repeat(32));
    await manage(page);
    assert.match((await asked(page, "signinRedirectCallback", changed.href)).failed, /No matching state/);
    await open(other.page);
    assert.match((await asked(other.page, "signinRedirectCallback", back)).failed, /No matching state/);
    assert.equal(await asked(page, "getUser"), null);
    assert.equal((await asked(page, "signinRedirectCallback", back)).profile.email, "ann@example.com"); // it was the state alone

    await open(page);
    await redirect(page, {}, `${app.origin}/callback?**`); // signed in by now: nobody is asked
    const injected = page.url();
    await manage(page);
    await page.evaluate(() => {
      for (const key of Object.keys(localStorage)) {
        const kept = JSON.parse(localStorage.getItem(key));
        if (kept.code_verifier) localStorage.setItem(key, JSON.stringify({ ...kept, code_verifier: "x".repeat(64) }));
      }
    });
    assert.equal((await asked(page, "signinRedirectCallback", injected)).error, "invalid_grant"); // a code is nothing without its verifier
  } finally {
    await Promise.all([close(), other.close()]);
  }
});

test("prompt=none: login_required where nobody is signed in, by redirect and in a hidden frame; else a new sign-in without a word", async () => {
  const { page, close } = await person(chrome);
  try {
    await open(page);
    await redirect(page, { prompt: "none" }, `${app.origin}/callback?**`);
    await manage(page);
    assert.equal((await asked(page, "signinRedirectCallback")).error, "login_required");
    assert.equal((await asked(page, "signinSilent")).error, "login_required");
    await signIn(page);
    await manage(page); // what it was given before is not used
    const silent = await asked(page, "signinSilent");
    assert.equal(silent.failed, undefined);
    assert.equal(silent.profile.email, "ann@example.com");
  } finally {
    await close();
  }
});

test("oidc-client-ts binds its tokens to a key that never leaves the browser, with the nonces a server demands", async () => {
  const { page, close } = await person(chrome);
  try {
    const bound = { client_id: "prover", dpop: true, loadUserInfo: false };
    await open(page, bound);
    await signIn(page);
    await manage(page, bound);
    const said = [];
    page.on("response", (r) => r.url() === `${stile.issuer}/token` && r.request().method() === "POST" && said.push(r.status()));
    const user = await asked(page, "signinRedirectCallback");
    assert.equal(user.token_type?.toLowerCase(), "dpop", JSON.stringify(user));
    assert.deepEqual(said, [400, 200]); // use_dpop_nonce, and the same with the nonce that came with it
    const fresh = await asked(page, "signinSilent");
    assert.notEqual(fresh.access_token, user.access_token, JSON.stringify(fresh));
    const answers = await page.evaluate(async (url) => {
      const user = await window.manager.getUser();
      const prove = async (nonce) => fetch(url, { headers: { authorization: `DPoP ${user.access_token}`, DPoP: await window.manager.dpopProof(url, user, "GET", nonce) } });
      let answer = await prove();
      if (answer.status === 401) answer = await prove(answer.headers.get("dpop-nonce")); // a server that has just begun wants one here too
      return [answer.status, (await answer.json()).email, (await fetch(url, { headers: { authorization: `Bearer ${user.access_token}` } })).status];
    }, `${stile.issuer}/userinfo`);
    assert.deepEqual(answers, [200, "ann@example.com", 401]);
    assert.equal(await page.evaluate(async () => (await new oidc.IndexedDbDPoPStore().get("prover")).keys.privateKey.extractable), false);
  } finally {
    await close();
  }
});

test("the script of an origin that nobody named reads nothing, and one that another client named gets no tokens", async () => {
  const { page, close } = await person(chrome);
  try {
    await open(page, { client_id: "elsewhere" });
    await signIn(page);
    await manage(page, { client_id: "elsewhere" });
    assert.match((await asked(page, "signinRedirectCallback")).failed, /Failed to fetch/);
    await open(page, { origin: app.other });
    const read = (path, options) => page.evaluate(([url, o]) => fetch(url, o).then((r) => r.status, (e) => e.name), [stile.issuer + path, options]);
    for (const path of ["/.well-known/openid-configuration", "/jwks", "/userinfo", "/authorize?client_id=page"]) assert.equal(await read(path), "TypeError", path);
    for (const path of ["/token", "/revoke"]) assert.equal(await read(path, { method: "POST", body: new URLSearchParams({ client_id: "page", token: "x" }) }), "TypeError", path);
  } finally {
    await close();
  }
});
