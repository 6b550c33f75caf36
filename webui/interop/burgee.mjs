// Starts what `make build` has made, for tests that come to it as strangers.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../bin/burgee", import.meta.url));

/**
 * Starts a server with an empty database on free ports and resolves when it serves. `http` and `grpc` are the URLs of its
 * doors; `stop` ends it and fails unless that was clean.
 */
export async function start() {
	const folder = await mkdtemp(join(tmpdir(), "burgee-interop-"));
	const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BURGEE_")));
	const args = ["serve", "--db", join(folder, "burgee.db"), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-format", "json"];
	const server = spawn(program, args, { env: environment, stdio: ["ignore", "inherit", "pipe"] });
	const ended = once(server, "exit"); // rejects when there is no such program
	ended.catch(() => {});
	const log = [];
	const serving = new Promise((resolve) => {
		createInterface(server.stderr).on("line", (line) => {
			log.push(line);
			const said = line.startsWith("{") ? JSON.parse(line) : {};
			if (said.message === "burgee is serving") resolve(said);
		});
	});
	const line = await Promise.race([serving, ended.then(() => undefined)]);
	if (line === undefined) throw new Error(`burgee does not start:\n${log.join("\n")}`);
	return {
		http: `http://${line.http}`,
		grpc: `http://${line.grpc}`,
		async stop() {
			server.kill("SIGTERM");
			const [status, signal] = await ended;
			await rm(folder, { recursive: true });
			if (status !== 0) throw new Error(`burgee ended with ${signal ?? status}:\n${log.join("\n")}`);
		},
	};
}
