// What `stile types` writes is put before the TypeScript compiler: good hooks pass, and everything a journey does not certainly provide is refused.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

const binary = process.env.STILE ?? resolve(import.meta.dirname, "../../stile");
const tsc = resolve(import.meta.dirname, "../node_modules/.bin/tsc");
const exec = promisify(execFile);
let dir;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "stile-types-"));
  await cp(join(import.meta.dirname, "types"), dir, { recursive: true });
  await exec(binary, ["types", "every.yaml"], { cwd: dir });
});
after(() => rm(dir, { recursive: true, force: true }));

/** Compiles files strictly, libraries included, and returns what the compiler says. */
async function compile(where, files, resolution = ["--module", "esnext", "--moduleResolution", "bundler"]) {
  const args = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022", "--lib", "es2022", "--types", "", ...resolution, ...files];
  return exec(tsc, args, { cwd: where }).then(() => "", (failed) => failed.stdout || failed.message);
}

test("good hooks pass, however modules are resolved", async () => {
  assert.equal(await compile(dir, ["every.ts"]), "");
  assert.equal(await compile(dir, ["every.ts"], ["--module", "nodenext"]), "");
});

test("what is not certainly there is refused, and so is what next does not name", async () => {
  assert.equal(await compile(dir, ["refused.ts"]), "");
});

test("a hook that annotates nothing is compared with the step that calls it", async () => {
  const good = await readFile(join(dir, "every.ts"), "utf8");
  for (const [from, to, told] of [
    [`? "low" : "high"`, `? "low" : "sky"`, /every\.flow\.d\.ts.*error TS2344[^]*"sky"/],
    [`export function risk({ evidence, steps, vars }: Decide)`, `export function risk({ evidence, steps, vars }: { evidence: any; steps: any; vars: any; subject: { id: number } })`, /every\.flow\.d\.ts.*error TS2344/],
    [`export const shown`, `export const other`, /every\.flow\.d\.ts.*error TS2694|every\.flow\.d\.ts.*shown/],
  ]) {
    assert.ok(good.includes(from));
    await writeFile(join(dir, "every.ts"), good.replace(from, to));
    assert.match(await compile(dir, ["every.ts"]), told);
  }
  await writeFile(join(dir, "every.ts"), good);
});

test("the settings' registration hook has types, and is compared with them", async () => {
  const settings = join(dir, "settings");
  const { stdout } = await exec(binary, ["types"], { cwd: settings });
  assert.equal(stdout, "registration.hook.d.ts\n");
  await exec(binary, ["types", "--check"], { cwd: settings });
  assert.equal(await compile(settings, ["registration.ts"]), "");
  const good = await readFile(join(settings, "registration.ts"), "utf8");
  for (const [from, to, told] of [
    [`known ? "partner" : "visitor"`, `"bank"`, /registration\.hook\.d\.ts.*error TS2344[^]*'kind'/],
    [`logo_uri: null`, `logo: null`, /registration\.ts.*error TS2353[^]*logo/],
  ]) {
    assert.ok(good.includes(from));
    const loose = to === `"bank"` ? good.replace("}: Register): Promise<RegisterResult>", "}: Register)") : good; // its author annotated no result
    await writeFile(join(settings, "registration.ts"), loose.replace(from, to));
    assert.match(await compile(settings, ["registration.ts"]), told);
  }
  const elsewhere = join(dir, "elsewhere");
  await mkdir(elsewhere);
  await writeFile(join(settings, "registration.ts"), good.replace("./registration.hook", "../elsewhere/registration.hook"));
  await exec(binary, ["types", "-o", elsewhere], { cwd: settings });
  await rm(join(settings, "registration.hook.d.ts"));
  assert.equal(await compile(settings, ["registration.ts"]), "");
});

test("the shipped hooks have current types and pass", async () => {
  const flows = resolve(import.meta.dirname, "../../flows");
  assert.equal(await compile(flows, ["signin.ts"]), "");
  await exec(binary, ["types", "--check", join(flows, "signin.yaml")]);
});

test("the layout library is the one its package has", async () => {
  const theirs = await readFile(resolve(import.meta.dirname, "../node_modules/@dagrejs/dagre/dist/dagre.min.js"), "utf8");
  assert.equal(await readFile(resolve(import.meta.dirname, "../graph/dagre.js"), "utf8"), theirs.replace(/^\/\/# sourceMappingURL.*\n/m, ""));
});
