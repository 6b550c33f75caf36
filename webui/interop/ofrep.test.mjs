// The published OpenFeature providers that speak the Remote Evaluation Protocol, against the built program.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { OFREPProvider } from "@openfeature/ofrep-provider";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { ErrorCode, OpenFeature } from "@openfeature/server-sdk";
import { OpenFeature as OpenFeatureWeb, ProviderEvents } from "@openfeature/web-sdk";
import { OFREPApi } from "ofrep-core-latest";

import { start } from "./burgee.mjs";
import { load, switchPlain } from "./shop.mjs";

let burgee;
before(async () => {
	burgee = await start();
	await load(burgee);
});
after(async () => {
	await OpenFeature.close();
	await OpenFeatureWeb.close();
	await burgee.stop();
});

const context = { targetingKey: "user-1", plan: "pro", age: 42, user: { tags: ["a", null], since: new Date(0) }, admin: true };

/** Compares the details of a resolution with the members that are expected. */
function resolved(details, expected) {
	const { value, reason, variant, errorCode } = details;
	assert.deepEqual({ value, reason, variant, errorCode }, { variant: undefined, errorCode: undefined, ...expected }, details.errorMessage);
}

describe("@openfeature/ofrep-provider", () => {
	const open = async (options) => {
		await OpenFeature.setProviderAndWait("ofrep", new OFREPProvider({ baseUrl: burgee.http, ...options }));
		return OpenFeature.getClient("ofrep", context);
	};

	test("resolves by contexts of any JSON", async () => {
		const client = await open();
		resolved(await client.getBooleanDetails("beta", false), { value: true, reason: "TARGETING_MATCH", variant: "true" });
		resolved(await client.getBooleanDetails("plain", false), { value: true, reason: "DEFAULT", variant: "true" });
		const theme = await client.getStringDetails("theme", "?");
		resolved(theme, { value: "dark", reason: "TARGETING_MATCH", variant: "dark" });
		assert.deepEqual(theme.flagMetadata, { attachment: '{"contrast":7}', segments: "adults" });
		resolved(await client.getStringDetails("theme", "?", { age: 17.5 }), { value: "light", reason: "DEFAULT", variant: "light" });
		resolved(await client.getStringDetails("retired", "?"), { value: "last", reason: "DISABLED", variant: "last" });
	});

	test("gets every error by its code", async () => {
		const client = await open();
		const failed = (value, errorCode) => ({ value, reason: "ERROR", errorCode });
		resolved(await client.getBooleanDetails("nosuch", true), failed(true, ErrorCode.FLAG_NOT_FOUND));
		resolved(await client.getBooleanDetails("a/b c", true), failed(true, ErrorCode.FLAG_NOT_FOUND));
		resolved(await client.getBooleanDetails("color", true), failed(true, ErrorCode.TYPE_MISMATCH));
		resolved(await client.getNumberDetails("price", 1), failed(1, ErrorCode.TYPE_MISMATCH));
		resolved(await client.getStringDetails("color", "?", { targetingKey: 7 }), failed("?", ErrorCode.INVALID_CONTEXT));
		const nobody = OpenFeature.getClient("ofrep");
		resolved(await nobody.getBooleanDetails("plain", false), { value: true, reason: "DEFAULT", variant: "true" });
		resolved(await nobody.getBooleanDetails("beta", true, { plan: "free" }), failed(true, ErrorCode.TARGETING_KEY_MISSING));
		resolved(await nobody.getStringDetails("color", "?", { plan: "pro" }), failed("?", ErrorCode.TARGETING_KEY_MISSING));
		resolved(await nobody.getStringDetails("color", "?", { plan: "free" }), { value: "", reason: "UNKNOWN", variant: "" });
	});

	test("names a namespace", async () => {
		const client = await open({ headers: { "X-Flipt-Namespace": "acme", Authorization: "Bearer secret" } });
		resolved(await client.getBooleanDetails("only-here", false), { value: true, reason: "DEFAULT", variant: "true" });
		resolved(await client.getBooleanDetails("plain", false), { value: false, reason: "ERROR", errorCode: ErrorCode.FLAG_NOT_FOUND });
	});
});

describe("@openfeature/ofrep-core", () => {
	const api = () => new OFREPApi({ baseUrl: burgee.http });

	test("encodes keys", async () => {
		for (const key of ["nosuch", "a/b c", "50%", "ключ", "a//b?c#d"]) {
			const { httpStatus, value } = await api().postEvaluateFlag(key, { context });
			assert.deepEqual([httpStatus, value], [404, { key, errorCode: "FLAG_NOT_FOUND", errorDetails: `flag was not found ${key}` }]);
		}
	});

	test("gets a bulk answer only once", async () => {
		const first = await api().postBulkEvaluateFlags({ context });
		assert.equal(first.httpStatus, 200);
		assert.deepEqual(
			first.value.flags.map(({ key }) => key),
			["color", "price", "theme", "beta", "plain"],
		);
		const etag = first.httpResponse.headers.get("etag");
		const again = await api().postBulkEvaluateFlags({ context }, etag, { flagConfigEtag: etag, flagConfigLastModified: 1771622902 });
		assert.deepEqual([again.httpStatus, again.value, again.httpResponse.headers.get("etag")], [304, undefined, etag]);
		const other = await api().postBulkEvaluateFlags({ context: { ...context, age: 17 } }, etag);
		assert.equal(other.httpStatus, 200);
		assert.notEqual(other.httpResponse.headers.get("etag"), etag);
	});

	test("gets the flags that can be evaluated beside those that cannot", async () => {
		const { httpStatus, value } = await api().postBulkEvaluateFlags({ context: { flags: "beta,plain,nosuch" } });
		assert.equal(httpStatus, 200);
		assert.deepEqual(
			value.flags.map(({ key, errorCode }) => [key, errorCode]),
			[
				["beta", "TARGETING_KEY_MISSING"],
				["plain", undefined],
				["nosuch", "FLAG_NOT_FOUND"],
			],
		);
		const wrong = await api().postBulkEvaluateFlags({ context: [] });
		assert.deepEqual([wrong.httpStatus, wrong.value.errorCode], [400, "INVALID_CONTEXT"]);
	});
});

describe("@openfeature/ofrep-web-provider", () => {
	/** Opens a provider that polls; sees is called with the status of each answer. */
	const open = async (context, sees = () => {}) => {
		const fetchImplementation = async (...request) => {
			const answer = await fetch(...request);
			sees(answer.status);
			return answer;
		};
		const provider = new OFREPWebProvider({ baseUrl: burgee.http, pollInterval: 20, cacheMode: "disabled", fetchImplementation });
		await OpenFeatureWeb.setProviderAndWait("ofrep", provider, context);
		return OpenFeatureWeb.getClient("ofrep");
	};

	test("evaluates from one bulk answer, and again for another context", async () => {
		const client = await open(context);
		resolved(client.getStringDetails("theme", "?"), { value: "dark", reason: "TARGETING_MATCH", variant: "dark" });
		resolved(client.getBooleanDetails("beta", false), { value: true, reason: "TARGETING_MATCH", variant: "true" });
		resolved(client.getBooleanDetails("nosuch", true), { value: true, reason: "ERROR", errorCode: ErrorCode.FLAG_NOT_FOUND });
		resolved(client.getNumberDetails("price", 1), { value: 1, reason: "ERROR", errorCode: ErrorCode.TYPE_MISMATCH });
		await OpenFeatureWeb.setContext("ofrep", { plan: "free" });
		resolved(client.getStringDetails("theme", "?"), { value: "light", reason: "DEFAULT", variant: "light" });
		resolved(client.getBooleanDetails("plain", false), { value: true, reason: "DEFAULT", variant: "true" });
		resolved(client.getBooleanDetails("beta", true), { value: true, reason: "ERROR", errorCode: ErrorCode.TARGETING_KEY_MISSING });
	});

	test("polls, and learns of a change", { timeout: 30_000 }, async () => {
		const statuses = [];
		let client;
		await new Promise((unchanged, reject) => {
			const sees = (status) => {
				statuses.push(status);
				if (status === 304) unchanged();
			};
			open(context, sees).then((opened) => (client = opened), reject);
		});
		assert.deepEqual(statuses, [200, 304]);
		const changed = new Promise((resolve) => client.addHandler(ProviderEvents.ConfigurationChanged, resolve));
		await switchPlain(burgee, false);
		assert.deepEqual((await changed).flagsChanged, ["plain"]);
		resolved(client.getBooleanDetails("plain", true), { value: false, reason: "DEFAULT", variant: "false" });
		await switchPlain(burgee, true);
	});
});
