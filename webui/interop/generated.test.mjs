// An SDK for TypeScript, generated from our protos and compiled as its user would do it, against the built program.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, rm } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { start } from "./burgee.mjs";

// Below node_modules, so that git ignores it and the SDK finds its runtime.
const project = new URL("../node_modules/.cache/sdk/", import.meta.url);
const programs = fileURLToPath(new URL("../node_modules/.bin/", import.meta.url));
const contract = fileURLToPath(new URL("../../proto/flipt.baseline.binpb", import.meta.url));

let burgee;
before(async () => {
	burgee = await start();
});
after(() => burgee.stop());

/** Runs a program of npm's in the project; what it wrote is in the error if it fails. */
function npx(program, ...args) {
	const env = { ...process.env, PATH: `${programs}:${process.env.PATH}` };
	return promisify(execFile)(programs + program, args, { cwd: fileURLToPath(project), env }).catch((error) => {
		throw new Error(`${error.message}\n${error.stdout}`);
	});
}

test("a generated SDK compiles, and calls", async () => {
	await rm(project, { recursive: true, force: true });
	await mkdir(new URL(".", project), { recursive: true });
	await cp(new URL("sdk/", import.meta.url), project, { recursive: true });
	await cp(new URL("../package.json", import.meta.url), new URL("package.json", project)); // its type is module
	await npx("buf", "generate", contract);
	await npx("tsc", "--project", ".");
	const { run } = await import(new URL("out/client.js", project).href);
	assert.deepEqual(await run(burgee.grpc), {
		made: "typed",
		boolean: true,
		before: false,
		after: true,
		matched: true,
		missing: "NotFound",
	});
});
