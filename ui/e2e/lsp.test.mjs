// A conversation with `stile lsp`, through the client library that editors are built on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { after, before, test } from "node:test";
import rpc from "vscode-languageserver-protocol/node";

const binary = process.env.STILE ?? resolve(import.meta.dirname, "../../stile");
let dir, server, connection, uri, text, ended;
const waiting = [];

/** The next problems of a file that a test is about. */
function problems(of, is) {
  return new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error(`no such problems of ${of} came`)), 10_000);
    waiting.push({ of, is, done: (list) => (clearTimeout(late), done(list)) });
  });
}

/** The place behind the first occurrence of a text. */
function behind(source, found) {
  const at = source.indexOf(found);
  assert.ok(at >= 0, found);
  const lines = source.slice(0, at + found.length).split("\n");
  return { line: lines.length - 1, character: lines.at(-1).length };
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "stile-lsp-"));
  await cp(resolve(import.meta.dirname, "../../flows"), join(dir, "flows"), { recursive: true, filter: (f) => !f.endsWith(".go") });
  await writeFile(join(dir, "stile.yaml"), "issuer: http://localhost:8080\nflows: flows\nconnectors: { crm: { base: https://crm.example.com } }\n" +
    "providers: { acme: { issuer: https://login.example.com, client_id: x, client_secret: env:NOT_SET_ANYWHERE, vouches: one-factor } }\n");
  uri = pathToFileURL(join(dir, "flows", "signin.yaml")).href;
  text = await readFile(join(dir, "flows", "signin.yaml"), "utf8");
  server = spawn(binary, ["lsp"], { cwd: dir, stdio: ["pipe", "pipe", "inherit"] });
  ended = new Promise((done) => server.once("exit", done));
  connection = rpc.createProtocolConnection(new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin));
  connection.onNotification(rpc.PublishDiagnosticsNotification.type, (told) => {
    for (const w of [...waiting]) {
      if (w.of === told.uri && w.is(told.diagnostics)) {
        waiting.splice(waiting.indexOf(w), 1);
        w.done(told.diagnostics);
      }
    }
  });
  connection.listen();
  const { capabilities } = await connection.sendRequest(rpc.InitializeRequest.type, { processId: process.pid, rootUri: pathToFileURL(dir).href, workspaceFolders: null, capabilities: {} });
  assert.equal(capabilities.textDocumentSync.change, rpc.TextDocumentSyncKind.Incremental);
  await connection.sendNotification(rpc.InitializedNotification.type, {});
});
after(async () => {
  connection?.dispose();
  server?.kill();
  await rm(dir, { recursive: true, force: true });
});

test("an open flow is checked with its hooks and the names its settings declare, without their secrets", async () => {
  const well = problems(uri, (list) => list.length === 0);
  await connection.sendNotification(rpc.DidOpenTextDocumentNotification.type, { textDocument: { uri, languageId: "yaml", version: 1, text } });
  await well;
});

test("what is typed is checked before it is saved, in UTF-16 places", async () => {
  const found = problems(uri, (list) => list.some((d) => d.code === "STILE-G04"));
  const start = behind(text, "Your employer is not answering");
  const target = behind(text, "fresh: customer");
  await connection.sendNotification(rpc.DidChangeTextDocumentNotification.type, {
    textDocument: { uri, version: 2 },
    contentChanges: [
      { range: { start, end: start }, text: " 😀😀" },
      { range: { start: { line: target.line, character: target.character - 8 }, end: target }, text: "custmoer" },
    ],
  });
  const [problem] = (await found).filter((d) => d.code === "STILE-G04");
  assert.equal(problem.severity, rpc.DiagnosticSeverity.Error);
  assert.match(problem.message, /did you mean `customer`/);
  assert.deepEqual(problem.range.start, { line: target.line, character: target.character - 8 });
  const well = problems(uri, (list) => list.length === 0);
  await connection.sendNotification(rpc.DidChangeTextDocumentNotification.type, { textDocument: { uri, version: 3 }, contentChanges: [{ text }] });
  await well;
});

test("hover, definition and completion", async () => {
  const at = (found, back = 2) => {
    const position = behind(text, found);
    return { textDocument: { uri }, position: { ...position, character: position.character - back } };
  };
  const hover = await connection.sendRequest(rpc.HoverRequest.type, at("use: password.verify"));
  assert.match(hover.contents.value, /\*\*password\.verify\*\*/);
  const definition = await connection.sendRequest(rpc.DefinitionRequest.type, at("after: keepTier"));
  assert.ok(definition.uri.endsWith("/flows/signin.ts"));
  const source = await readFile(join(dir, "flows", "signin.ts"), "utf8");
  assert.equal(definition.range.start.line, source.split("\n").findIndex((l) => l.includes("function keepTier")));
  const labels = async (params) => (await connection.sendRequest(rpc.CompletionRequest.type, params)).items.map((i) => i.label);
  assert.ok((await labels(at("use: password.verify", 0))).includes("password.verify"));
  assert.deepEqual((await labels(at("${steps.who.identifier", 10))).sort(), ["can_passkey", "canonical", "domain", "identifier", "kind"]);
  assert.ok((await labels(at("connector: crm", 0))).includes("crm"));
  assert.ok((await labels(at("provider: acme", 0))).includes("acme"));
});

test("formatting makes the canonical form", async () => {
  const ugly = text.replace("with: { passkey: autofill, create: signup }", "with: {passkey: 'autofill', create: signup}");
  await connection.sendNotification(rpc.DidChangeTextDocumentNotification.type, { textDocument: { uri, version: 4 }, contentChanges: [{ text: ugly }] });
  const edits = await connection.sendRequest(rpc.DocumentFormattingRequest.type, { textDocument: { uri }, options: { tabSize: 2, insertSpaces: true } });
  assert.equal(edits[0].newText, text);
});

test("it ends when it is asked to", async () => {
  await connection.sendRequest(rpc.ShutdownRequest.type);
  await connection.sendNotification(rpc.ExitNotification.type);
  assert.equal(await ended, 0);
});
