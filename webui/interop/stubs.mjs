// Generates JavaScript stubs from the protos, as a stranger who has nothing but them would.

import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = new URL("../../", import.meta.url);
// Below node_modules, so that git ignores it and the stubs find their runtime.
const out = new URL("../node_modules/.cache/interop/", import.meta.url);

/** Generates the stubs and resolves to a function that imports one of them by the path of its proto, without `.proto`. */
export async function generate() {
	await rm(out, { recursive: true, force: true });
	await mkdir(out, { recursive: true });
	await writeFile(new URL("package.json", out), '{ "type": "module" }\n');
	const template = {
		version: "v2",
		inputs: [{ directory: ".", paths: ["proto/flipt", "proto/burgee"] }],
		plugins: [
			{
				local: "webui/node_modules/.bin/protoc-gen-es",
				out: fileURLToPath(out),
				opt: ["target=js", "import_extension=js"],
				include_imports: true,
			},
		],
	};
	const buf = fileURLToPath(new URL("webui/node_modules/.bin/buf", root));
	await promisify(execFile)(buf, ["generate", "--config", "buf.yaml", "--template", JSON.stringify(template)], { cwd: fileURLToPath(root) });
	return (proto) => import(new URL(`${proto}_pb.js`, out).href);
}
