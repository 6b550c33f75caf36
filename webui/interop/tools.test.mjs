// grpcurl and `buf curl`, which know nothing of the server but what its reflection says.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";

import { start } from "./burgee.mjs";
import { load } from "./shop.mjs";

const services = [
	"burgee.v1.FeaturesService",
	"flipt.Flipt",
	"flipt.analytics.AnalyticsService",
	"flipt.auth.AuthenticationService",
	"flipt.auth.PublicAuthenticationService",
	"flipt.evaluation.DataService",
	"flipt.evaluation.EvaluationService",
	"flipt.meta.MetadataService",
	"flipt.ofrep.OFREPService",
	"grpc.health.v1.Health",
];

let burgee;
before(async () => {
	burgee = await start();
	await load(burgee);
});
after(() => burgee.stop());

/** Runs a program and resolves to its exit status and what it wrote. */
function run(program, ...args) {
	return new Promise((resolve) => {
		execFile(program, args, (error, stdout, stderr) => resolve({ status: error ? error.code : 0, stdout, stderr }));
	});
}

/** Fails unless a run was a success that wrote JSON; returns that. */
function json({ status, stdout, stderr }) {
	assert.equal(status, 0, stderr);
	return JSON.parse(stdout);
}

const evaluate = "flipt.evaluation.EvaluationService/Boolean";

describe("grpcurl", () => {
	// The go command keeps what it has built.
	const grpcurl = (...args) => run("go", "-C", fileURLToPath(new URL("grpcurl", import.meta.url)), "tool", "grpcurl", "-plaintext", ...args);
	const address = () => burgee.grpc.replace("http://", "");

	test("lists services and describes them", async () => {
		const { status, stdout, stderr } = await grpcurl(address(), "list");
		assert.equal(status, 0, stderr);
		const listed = stdout.trim().split("\n");
		for (const service of services) assert.ok(listed.includes(service), `${service} in ${listed}`);
		const described = await grpcurl(address(), "describe", "flipt.evaluation.EvaluationService.Boolean");
		assert.match(described.stdout, /rpc Boolean \( \.flipt\.evaluation\.EvaluationRequest \)/);
	});

	test("calls", async () => {
		const request = { flagKey: "beta", entityId: "user-1", context: { plan: "pro" } };
		const answer = json(await grpcurl("-d", JSON.stringify(request), address(), evaluate));
		assert.deepEqual([answer.enabled, answer.reason, answer.segmentKeys], [true, "MATCH_EVALUATION_REASON", ["pro"]]);
		const created = json(await grpcurl("-d", '{"key":"made-by-grpcurl","name":"Made"}', address(), "flipt.Flipt/CreateFlag"));
		assert.equal(created.key, "made-by-grpcurl");
		const health = json(await grpcurl(address(), "grpc.health.v1.Health/Check"));
		assert.equal(health.status, "SERVING");
		const bulk = ["-H", "x-flipt-namespace: acme", "-d", '{"context":{"targetingKey":"user-1"}}', address(), "flipt.ofrep.OFREPService/EvaluateBulk"];
		assert.deepEqual(json(await grpcurl(...bulk)).flags.map(({ key, value }) => [key, value]), [["only-here", true]]);
	});

	test("shows errors", async () => {
		const { status, stderr } = await grpcurl("-d", '{"flagKey":"nosuch"}', address(), evaluate);
		assert.notEqual(status, 0);
		assert.match(stderr, /Code: NotFound\s+Message: flag "default\/nosuch" not found/);
	});
});

describe("buf curl", () => {
	const buf = fileURLToPath(new URL("../node_modules/.bin/buf", import.meta.url));
	const curl = (...args) => run(buf, "curl", "--http2-prior-knowledge", ...args);

	test("lists services", async () => {
		const { status, stdout, stderr } = await curl("--list-services", burgee.grpc);
		assert.equal(status, 0, stderr);
		const listed = stdout.trim().split("\n");
		for (const service of services) assert.ok(listed.includes(service), `${service} in ${listed}`);
	});

	for (const protocol of ["grpc", "grpcweb", "connect"]) {
		test(`calls by ${protocol}`, async () => {
			const request = JSON.stringify({ flagKey: "beta", entityId: "user-1", context: { plan: "pro" } });
			const answer = json(await curl("--protocol", protocol, "--data", request, `${burgee.grpc}/${evaluate}`));
			assert.deepEqual([answer.enabled, answer.reason], [true, "MATCH_EVALUATION_REASON"]);
			const { status, stderr } = await curl("--protocol", protocol, "--data", '{"flagKey":"nosuch"}', `${burgee.grpc}/${evaluate}`);
			assert.equal(status, 5 << 3, "the gRPC code, three bits to the left");
			assert.deepEqual(JSON.parse(stderr), { code: "not_found", message: 'flag "default/nosuch" not found' });
		});
	}
});
