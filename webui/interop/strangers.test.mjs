// The published SDKs of Flipt v1 and the OpenFeature providers that stand on them, against the built program.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import flipt from "@flipt-io/flipt";
import { FliptClient as OlderEngine } from "@flipt-io/flipt-client-js/node";
import { FliptProvider } from "@openfeature/flipt-provider";
import { FliptWebProvider } from "@openfeature/flipt-web-provider";
import { ErrorCode, OpenFeature } from "@openfeature/server-sdk";
import { OpenFeature as OpenFeatureWeb } from "@openfeature/web-sdk";
import { FliptClient as NewerEngine } from "flipt-client-js-latest/node";

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

const { ClientTokenAuthentication, FliptClient, JWTAuthentication } = flipt;
const pro = { plan: "pro" };
const red = { hex: "#f00", shades: [1, 2.5], dark: { on: true } };

describe("@flipt-io/flipt", () => {
	const client = (authenticationStrategy) => new FliptClient({ url: burgee.http, authenticationStrategy, timeout: 10 });

	test("evaluates variants, booleans and batches", async () => {
		const { evaluation } = client();
		const variant = await evaluation.variant({ namespaceKey: "default", flagKey: "color", entityId: "user-1", context: pro });
		assert.deepEqual([variant.match, variant.reason, variant.segmentKeys], [true, "MATCH_EVALUATION_REASON", ["pro"]]);
		assert.ok(["red", "blue"].includes(variant.variantKey));
		const boolean = await evaluation.boolean({ namespaceKey: "default", flagKey: "beta", entityId: "user-1", context: pro });
		assert.deepEqual([boolean.enabled, boolean.reason, boolean.flagKey], [true, "MATCH_EVALUATION_REASON", "beta"]);
		const item = (flagKey) => ({ namespaceKey: "default", flagKey, entityId: "user-1", context: {} });
		const { responses } = await evaluation.batch({ requests: [item("theme"), item("plain"), item("nosuch")] });
		assert.deepEqual(
			[responses[0].variantResponse.variantKey, responses[0].variantResponse.reason, responses[1].booleanResponse.enabled],
			["light", "DEFAULT_EVALUATION_REASON", true],
		);
		assert.equal(responses[2].type, "ERROR_EVALUATION_RESPONSE_TYPE");
		assert.equal(responses[2].errorResponse.reason, "NOT_FOUND_ERROR_EVALUATION_REASON");
	});

	test("lists flags page by page", async () => {
		const { flags } = client();
		const keys = [];
		let pageToken;
		do {
			const page = await flags.listFlags("default", { limit: 4, pageToken });
			assert.equal(page.totalCount, 6);
			keys.push(...page.flags.map(({ key }) => key));
			pageToken = page.nextPageToken;
		} while (pageToken !== "");
		assert.deepEqual(keys, ["color", "price", "theme", "retired", "beta", "plain"]);
		assert.deepEqual(JSON.parse((await flags.listFlags("default")).flags[0].variants[0].attachment), red);
	});

	test("sends tokens, and reads errors", async () => {
		for (const strategy of [new ClientTokenAuthentication("secret"), new JWTAuthentication("secret")]) {
			const { evaluation } = client(strategy);
			const request = { namespaceKey: "default", entityId: "user-1", context: {} };
			await assert.rejects(evaluation.boolean({ ...request, flagKey: "nosuch" }), { message: 'flag "default/nosuch" not found' });
			await assert.rejects(evaluation.boolean({ ...request, flagKey: "color" }), { message: "flag type VARIANT_FLAG_TYPE invalid" });
			await assert.rejects(evaluation.variant({ ...request, flagKey: "beta" }), { message: "flag type BOOLEAN_FLAG_TYPE invalid" });
		}
	});
});

for (const [version, Engine] of [
	["0.2.0", OlderEngine],
	["0.5.1", NewerEngine],
]) {
	describe(`@flipt-io/flipt-client-js ${version}`, () => {
		test("evaluates what it has polled as the server does", async () => {
			const engine = await Engine.init({ url: burgee.http, namespace: "default", authentication: { clientToken: "secret" } });
			const { evaluation } = new FliptClient({ url: burgee.http });
			const seen = new Set();
			for (let n = 0; n < 40; n++) {
				const request = { entityId: `user-${n}`, context: { plan: n % 2 ? "pro" : "free", age: `${n}` } };
				for (const flagKey of ["color", "price", "theme", "retired"]) {
					const here = engine.evaluateVariant({ flagKey, ...request });
					const there = await evaluation.variant({ namespaceKey: "default", flagKey, ...request });
					for (const member of ["match", "reason", "variantKey", "variantAttachment"]) {
						assert.equal(here[member] ?? "", there[member], `${member} of ${flagKey} for ${JSON.stringify(request)}`);
					}
					assert.deepEqual(here.segmentKeys, there.segmentKeys);
					seen.add(here.variantKey);
				}
				for (const flagKey of ["beta", "plain"]) {
					const here = engine.evaluateBoolean({ flagKey, ...request });
					const there = await evaluation.boolean({ namespaceKey: "default", flagKey, ...request });
					assert.deepEqual([here.enabled, here.reason], [there.enabled, there.reason], `${flagKey} for ${JSON.stringify(request)}`);
					seen.add(here.enabled);
				}
			}
			assert.deepEqual([...seen].map(String).sort(), ["", "9.99", "blue", "dark", "false", "last", "light", "red", "true"]);
			engine.close();
		});

		test("batches, lists and refuses", async () => {
			const engine = await Engine.init({ url: burgee.http, namespace: "default" });
			const item = (flagKey) => ({ flagKey, entityId: "user-1", context: pro });
			const { responses } = engine.evaluateBatch([item("theme"), item("beta"), item("nosuch")]);
			assert.equal(responses[0].variantEvaluationResponse.variantKey, "light");
			assert.equal(responses[1].booleanEvaluationResponse.enabled, true);
			assert.equal(responses[2].errorEvaluationResponse.reason, "NOT_FOUND_ERROR_EVALUATION_REASON");
			const listed = engine.listFlags().map(({ key, type, enabled }) => [key, type, enabled]);
			assert.deepEqual(listed.sort(), [
				["beta", "BOOLEAN_FLAG_TYPE", false],
				["color", "VARIANT_FLAG_TYPE", true],
				["plain", "BOOLEAN_FLAG_TYPE", true],
				["price", "VARIANT_FLAG_TYPE", true],
				["retired", "VARIANT_FLAG_TYPE", false],
				["theme", "VARIANT_FLAG_TYPE", true],
			]);
			assert.throws(() => engine.evaluateVariant(item("nosuch")), /nosuch/);
			assert.throws(() => engine.evaluateBoolean(item("color")), /color is not a boolean flag/);
			engine.close();
		});

		test("polls, and is sent a snapshot only after a change", async () => {
			const statuses = [];
			const headers = { Accept: "application/json", "x-flipt-accept-server-version": "1.47.0" };
			const fetcher = async (options) => {
				if (options?.etag) headers["If-None-Match"] = options.etag;
				const answer = await fetch(`${burgee.http}/internal/v1/evaluation/snapshot/namespace/default`, { headers });
				statuses.push(answer.status);
				return answer;
			};
			for (const options of [{ fetcher }, {}]) {
				const engine = await Engine.init({ url: burgee.http, namespace: "default", ...options });
				const plain = () => engine.evaluateBoolean({ flagKey: "plain", entityId: "user-1", context: {} }).enabled;
				assert.equal(plain(), true);
				assert.equal(await engine.refresh(), false);
				await switchPlain(burgee, false);
				assert.equal(plain(), true);
				assert.equal(await engine.refresh(), true);
				assert.equal(plain(), false);
				assert.equal(await engine.refresh(), false);
				await switchPlain(burgee, true);
				engine.close();
			}
			assert.deepEqual(statuses, [200, 304, 200, 304]);
		});

		test("knows a namespace by its flags", async () => {
			const acme = await Engine.init({ url: burgee.http, namespace: "acme" });
			assert.deepEqual(acme.listFlags().map(({ key }) => key), ["only-here"]);
			acme.close();
		});
	});
}

/** Compares the details of a resolution with the members that are expected. */
function resolved(details, expected) {
	const { value, reason, errorCode } = details;
	assert.deepEqual({ value, reason, errorCode }, { errorCode: undefined, ...expected }, details.errorMessage);
}

for (const { name, open } of [
	{
		name: "@openfeature/flipt-provider",
		open: async (context) => {
			await OpenFeature.setProviderAndWait("flipt", new FliptProvider("default", { url: burgee.http }));
			return OpenFeature.getClient("flipt", context);
		},
	},
	{
		name: "@openfeature/flipt-web-provider",
		open: async (context) => {
			await OpenFeatureWeb.setProviderAndWait("flipt", new FliptWebProvider("default", { url: burgee.http }), context);
			return OpenFeatureWeb.getClient("flipt");
		},
	},
]) {
	describe(name, () => {
		const context = { targetingKey: "user-1", plan: "pro", age: 42, admin: true };

		test("resolves typed values", async () => {
			const client = await open(context);
			resolved(await client.getBooleanDetails("beta", false), { value: true, reason: "TARGETING_MATCH" });
			resolved(await client.getBooleanDetails("plain", false), { value: true, reason: "TARGETING_MATCH" });
			resolved(await client.getStringDetails("theme", "?"), { value: "dark", reason: "TARGETING_MATCH" });
			resolved(await client.getNumberDetails("price", 0), { value: 9.99, reason: "TARGETING_MATCH" });
			resolved(await client.getObjectDetails("theme", {}), { value: { contrast: 7 }, reason: "TARGETING_MATCH" });
			resolved(await client.getStringDetails("retired", "ours"), { value: "ours", reason: "DISABLED" });
		});

		test("resolves by the context", async () => {
			const client = await open({ targetingKey: "user-1", plan: "free", age: 17 });
			resolved(await client.getStringDetails("color", "ours"), { value: "ours", reason: "DEFAULT" });
			resolved(await client.getStringDetails("theme", "ours"), { value: "ours", reason: "DEFAULT" });
		});

		test("says what went wrong", async () => {
			const client = await open(context);
			const missing = await client.getBooleanDetails("nosuch", true);
			resolved(missing, { value: true, reason: "ERROR", errorCode: ErrorCode.GENERAL });
			assert.match(missing.errorMessage, /nosuch/);
			const boolean = await client.getBooleanDetails("color", true);
			resolved(boolean, { value: true, reason: "ERROR", errorCode: ErrorCode.GENERAL });
			assert.match(boolean.errorMessage, /flag type VARIANT_FLAG_TYPE invalid|color is not a boolean flag/);
			resolved(await client.getNumberDetails("theme", 7), { value: 7, reason: "ERROR", errorCode: ErrorCode.TYPE_MISMATCH });
			resolved(await client.getObjectDetails("price", {}), { value: {}, reason: "ERROR", errorCode: ErrorCode.TYPE_MISMATCH });
		});
	});
}
