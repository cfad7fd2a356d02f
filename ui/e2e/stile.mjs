// Starts the product for a test, and a browser with a virtual authenticator. Everything is stopped when the test file ends.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium } from "playwright-core";

const binary = process.env.STILE ?? resolve(import.meta.dirname, "../../stile");
const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

/** A port nobody listens on now. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Waits until a URL answers, or fails after ten seconds. */
export async function answers(url) {
  const until = Date.now() + 10_000;
  for (;;) {
    try {
      const response = await fetch(url);
      if (response.ok) return response;
    } catch {
      // not listening yet
    }
    if (Date.now() > until) throw new Error(`${url} does not answer`);
    await new Promise((done) => setTimeout(done, 25));
  }
}

/** Runs `stile` with arguments until close() or kill(). */
export function run(args, options = {}) {
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  let log = "";
  child.stdout.on("data", (part) => (log += part));
  child.stderr.on("data", (part) => (log += part));
  const ended = new Promise((done) => child.on("exit", done));
  return {
    child,
    log: () => log,
    async close() {
      child.kill("SIGTERM");
      await ended;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The product in development mode, on a port and in a directory of its own. */
export async function development({ port, data } = {}) {
  const own = data === undefined;
  port ??= await freePort();
  data ??= await mkdtemp(join(tmpdir(), "stile-e2e-"));
  const issuer = `http://localhost:${port}`;
  const server = run(["serve", "--dev", "--listen", `localhost:${port}`, "--data", data, "--flows", resolve(import.meta.dirname, "../../flows")]);
  try {
    await answers(`${issuer}/readyz`);
  } catch (cause) {
    await server.kill();
    throw new Error(`${cause.message}\n${server.log()}`);
  }
  return {
    issuer,
    port,
    data,
    log: server.log,
    kill: server.kill,
    async close() {
      await server.close();
      if (own) await rm(data, { recursive: true, force: true });
    },
    /** The newest mail to an address, once there is one that came after `since`. */
    async mail(to, { subject, after } = {}) {
      const until = Date.now() + 15_000;
      for (;;) {
        const list = await (await fetch(`${issuer}/dev/inbox.json?to=${encodeURIComponent(to)}`)).json();
        const found = list.find((m) => (!subject || subject.test(m.subject)) && (!after || m.id !== after));
        if (found) return found;
        if (Date.now() > until) throw new Error(`no mail to ${to}`);
        await new Promise((done) => setTimeout(done, 50));
      }
    },
  };
}

/** The six digits of a mail. */
export const code = (mail) => mail.text.match(/\b\d{6}\b/)[0];

/** Takes letters and keeps the newest code among them. */
export async function postOffice() {
  const office = { code: undefined };
  const server = createServer((socket) => {
    let letter;
    let rest = "";
    const say = (line) => socket.write(`${line}\r\n`);
    say("220 test");
    socket.setEncoding("utf8");
    socket.on("error", () => {});
    socket.on("data", (part) => {
      const lines = (rest + part).split("\r\n");
      rest = lines.pop();
      for (const line of lines) {
        if (letter !== undefined) {
          if (line !== ".") letter += `${line}\n`;
          else {
            office.code = letter.split("\n\n").slice(1).join("\n").match(/\b\d{6}\b/)?.[0] ?? office.code;
            letter = undefined;
            say("250 taken");
          }
        } else if (/^DATA/i.test(line)) {
          letter = "";
          say("354 go on");
        } else if (/^QUIT/i.test(line)) {
          say("221 bye");
          socket.end();
        } else say("250 yes");
      }
    });
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return Object.assign(office, { port: server.address().port, close: () => server.close() });
}

/** One Chromium for a test file. */
export async function browser() {
  if (!chromiumPath) throw new Error("chromium is not installed");
  return chromium.launch({
    executablePath: chromiumPath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A fresh person: own cookies, optionally a virtual authenticator that holds passkeys. */
export async function person(chrome, { passkeys = false, script = true, ...options } = {}) {
  const context = await chrome.newContext({ javaScriptEnabled: script, locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  let authenticator;
  if (passkeys) {
    const session = await context.newCDPSession(page);
    await session.send("WebAuthn.enable", { enableUI: false });
    const { authenticatorId } = await session.send("WebAuthn.addVirtualAuthenticator", {
      options: { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
    });
    authenticator = {
      credentials: async () => (await session.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
      verified: (isUserVerified) => session.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
      present: (enabled) => session.send("WebAuthn.setAutomaticPresenceSimulation", { authenticatorId, enabled }),
    };
  }
  return { context, page, authenticator, close: () => context.close() };
}
