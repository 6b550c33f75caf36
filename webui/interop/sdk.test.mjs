// Requests as the published SDKs of Flipt v1 send them, by plain fetch, and what those SDKs need of the answers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { start } from "./burgee.mjs";

let burgee;
before(async () => {
	burgee = await start();
	const base = "/api/v1/namespaces/default";
	await created(`${base}/flags`, { key: "color", name: "Color", enabled: true });
	const red = await created(`${base}/flags/color/variants`, { key: "red", name: "Red", attachment: '{"hex":"#f00"}' });
	await created(`${base}/flags`, { key: "beta", name: "Beta", type: "BOOLEAN_FLAG_TYPE", enabled: true });
	await created(`${base}/segments`, { key: "pro", name: "Pro", matchType: "ALL_MATCH_TYPE" });
	const constraint = { type: "STRING_COMPARISON_TYPE", property: "plan", operator: "eq", value: "pro" };
	await created(`${base}/segments/pro/constraints`, constraint);
	const rule = await created(`${base}/flags/color/rules`, { segmentKey: "pro", rank: 1 });
	await created(`${base}/flags/color/rules/${rule.id}/distributions`, { variantId: red.id, rollout: 100 });
	await created(`${base}/flags/beta/rollouts`, { rank: 1, threshold: { percentage: 50, value: true } });
});
after(() => burgee.stop());

async function post(path, body, headers = {}) {
	const answer = await fetch(burgee.http + path, {
		method: "POST",
		headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
		body: JSON.stringify(body),
	});
	return { status: answer.status, type: answer.headers.get("content-type"), body: await answer.json() };
}

async function created(path, body) {
	const answer = await post(path, body);
	assert.equal(answer.status, 200, JSON.stringify(answer.body));
	return answer.body;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

test("the Node SDK: camelCase, a token that nobody asked for", async () => {
	const request = { namespaceKey: "default", flagKey: "color", entityId: "someone", context: { plan: "pro" }, reference: "" };
	for (const authorization of ["Bearer secret", "JWT secret"]) {
		const { status, type, body } = await post("/evaluate/v1/variant", request, { Authorization: authorization });
		assert.equal(status, 200);
		assert.equal(type, "application/json");
		const { requestId, requestDurationMillis, timestamp, ...rest } = body;
		assert.equal(typeof requestId, "string");
		assert.equal(typeof requestDurationMillis, "number");
		assert.match(timestamp, rfc3339);
		assert.deepEqual(rest, {
			match: true,
			segmentKeys: ["pro"],
			reason: "MATCH_EVALUATION_REASON",
			variantKey: "red",
			variantAttachment: '{"hex":"#f00"}',
			flagKey: "color",
		});
	}
});

test("the Python SDK: snake_case and explicit nulls, all fields required in the answer", async () => {
	const request = (flag_key) => ({
		namespace_key: "default",
		flag_key,
		entity_id: "someone",
		context: { plan: "free" },
		request_id: null,
		reference: null,
	});
	const variant = await post("/evaluate/v1/variant", request("color"));
	assert.equal(variant.status, 200);
	assert.deepEqual(Object.keys(variant.body).sort(), [
		"flagKey",
		"match",
		"reason",
		"requestDurationMillis",
		"requestId",
		"segmentKeys",
		"timestamp",
		"variantAttachment",
		"variantKey",
	]);
	assert.deepEqual([variant.body.match, variant.body.variantKey, variant.body.variantAttachment], [false, "", ""]);
	const boolean = await post("/evaluate/v1/boolean", request("beta"));
	assert.equal(boolean.status, 200);
	assert.equal(typeof boolean.body.enabled, "boolean");
	assert.equal(boolean.body.flagKey, "beta");
	const batch = await post("/evaluate/v1/batch", { request_id: null, requests: [request("color"), request("beta"), request("nosuch")], reference: null });
	assert.equal(batch.status, 200);
	assert.deepEqual(
		batch.body.responses.map(({ type }) => type),
		["VARIANT_EVALUATION_RESPONSE_TYPE", "BOOLEAN_EVALUATION_RESPONSE_TYPE", "ERROR_EVALUATION_RESPONSE_TYPE"],
	);
	for (const response of batch.body.responses) assert.equal(Object.keys(response).length, 2, "one response and no null beside it");
	const { flagKey, namespaceKey, reason } = batch.body.responses[2].errorResponse;
	assert.deepEqual([flagKey, namespaceKey, reason], ["nosuch", "default", "NOT_FOUND_ERROR_EVALUATION_REASON"]);
});

test("the PHP SDK: lists as objects, an empty context as an empty list", async () => {
	const item = (flagKey) => ({ namespaceKey: "default", flagKey, entityId: "someone", context: {} });
	const { status, body } = await post("/evaluate/v1/batch", { requests: { 0: item("color"), 1: item("beta") } });
	assert.equal(status, 200, JSON.stringify(body));
	assert.equal(body.responses.length, 2);
});

test("errors: an object of code, message and details, and nothing else", async () => {
	const missing = await post("/evaluate/v1/variant", { namespaceKey: "default", flagKey: "nosuch", entityId: "someone", reference: null });
	assert.equal(missing.status, 404);
	assert.deepEqual(missing.body, { code: 5, message: 'flag "default/nosuch" not found', details: [] });
	const wrong = await post("/api/v1/namespaces/default/flags", { key: "", name: "x" });
	assert.equal(wrong.status, 400);
	assert.deepEqual(Object.keys(wrong.body), ["code", "message", "details"]);
	assert.deepEqual([wrong.body.code, wrong.body.message], [3, "invalid field key: must not be empty"]);
});

test("lists take empty parameters, as the Go SDK sends them", async () => {
	const answer = await fetch(`${burgee.http}/api/v1/namespaces/default/flags?limit=0&offset=0&pageToken=&reference=`);
	assert.equal(answer.status, 200);
	const list = await answer.json();
	assert.deepEqual([list.flags.map(({ key }) => key), list.nextPageToken, list.totalCount], [["color", "beta"], "", 2]);
	for (const flag of list.flags) {
		for (const field of ["key", "name", "description", "enabled", "createdAt", "updatedAt", "variants", "namespaceKey", "type"]) {
			assert.ok(field in flag && flag[field] !== null, `${flag.key} has no ${field}`);
		}
	}
	const one = await fetch(`${burgee.http}/api/v1/namespaces/default/flags/color?reference=`);
	assert.deepEqual([one.status, (await one.json()).variants[0].key], [200, "red"]);
});

/** Polls the snapshot as the engines of the client SDKs do. */
async function poll(etag) {
	const headers = { Accept: "application/json", "x-flipt-accept-server-version": "1.47.0", "x-flipt-environment": "default" };
	if (etag !== undefined) headers["If-None-Match"] = etag;
	const answer = await fetch(`${burgee.http}/internal/v1/evaluation/snapshot/namespace/default`, { headers });
	return { status: answer.status, etag: answer.headers.get("etag"), text: await answer.text() };
}

test("the client engines poll the snapshot and get it again only after a change", async () => {
	const first = await poll();
	assert.equal(first.status, 200);
	assert.match(first.etag, /^[0-9a-f]{40}$/);
	const snapshot = JSON.parse(first.text);
	assert.equal(snapshot.namespace.key, "default");
	const [color, beta] = snapshot.flags;
	assert.deepEqual([color.key, color.name, color.enabled, color.type, color.rollouts], ["color", "Color", true, "VARIANT_FLAG_TYPE", []]);
	const [rule] = color.rules;
	assert.equal(rule.segmentOperator, "OR_SEGMENT_OPERATOR");
	assert.deepEqual([rule.distributions[0].variantKey, rule.distributions[0].rollout], ["red", 100]);
	const { constraints, key, matchType } = rule.segments[0];
	assert.deepEqual([key, matchType], ["pro", "ALL_SEGMENT_MATCH_TYPE"]);
	const { type, property, operator, value } = constraints[0];
	assert.deepEqual([type, property, operator, value], ["STRING_CONSTRAINT_COMPARISON_TYPE", "plan", "eq", "pro"]);
	assert.deepEqual([beta.rules, beta.rollouts[0].threshold], [[], { percentage: 50, value: true }]);

	const second = await poll(first.etag);
	assert.deepEqual(second, { status: 304, etag: first.etag, text: "" });

	await created("/api/v1/namespaces/default/flags", { key: "later", name: "Later" });
	const third = await poll(first.etag);
	assert.equal(third.status, 200);
	assert.notEqual(third.etag, first.etag);
	assert.equal(JSON.parse(third.text).flags.length, 3);
});

test("OpenFeature providers over OFREP", async () => {
	const answer = await post("/ofrep/v1/evaluate/flags/color", { context: { targetingKey: "someone", plan: "pro" } });
	assert.deepEqual(answer.body, { key: "color", reason: "TARGETING_MATCH", variant: "red", metadata: { segments: "pro", attachment: '{"hex":"#f00"}' }, value: "red" });
	const missing = await post("/ofrep/v1/evaluate/flags/nosuch", { context: { targetingKey: "someone" } });
	assert.deepEqual([missing.status, missing.body.errorCode], [404, "FLAG_NOT_FOUND"]);
});
