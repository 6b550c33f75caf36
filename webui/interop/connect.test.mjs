// The published Connect clients, with stubs generated from our protos, against the built program: gRPC, gRPC-Web and
// Connect, on every door that speaks them.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { start } from "./burgee.mjs";
import { generate } from "./stubs.mjs";

const stub = await generate();
const { Flipt } = await stub("flipt/flipt");
const { FlagType } = await stub("flipt/flag");
const { ComparisonType, MatchType } = await stub("flipt/segment");
const { DataService } = await stub("flipt/evaluation/snapshot");
const { ErrorEvaluationReason, EvaluationReason, EvaluationResponseType, EvaluationService } = await stub("flipt/evaluation/evaluation");
const { FeaturesService } = await stub("burgee/v1/features");
const { ViolationsSchema } = await stub("buf/validate/validate");

let burgee;
before(async () => {
	burgee = await start();
});
after(() => burgee.stop());

const protocols = [
	{ name: "gRPC over h2c", namespace: "grpc", transport: () => createGrpcTransport({ baseUrl: burgee.grpc }) },
	{ name: "gRPC-Web", namespace: "grpc-web", transport: () => createGrpcWebTransport({ baseUrl: burgee.grpc }) },
	{ name: "gRPC-Web on the REST door", namespace: "grpc-web-rest", transport: () => createGrpcWebTransport({ baseUrl: burgee.http }) },
	{ name: "Connect, JSON", namespace: "connect-json", transport: () => createConnectTransport({ baseUrl: burgee.grpc }) },
	{
		name: "Connect, binary",
		namespace: "connect-binary",
		transport: () => createConnectTransport({ baseUrl: burgee.grpc, useBinaryFormat: true }),
	},
	{
		name: "Connect with GET",
		namespace: "connect-get",
		transport: () => createConnectTransport({ baseUrl: burgee.grpc, useHttpGet: true }),
	},
	{ name: "Connect on the REST door", namespace: "connect-rest", transport: () => createConnectTransport({ baseUrl: burgee.http }) },
];

/** Fails unless the promise is rejected with the code and the message; resolves to the error. */
async function refused(promise, code, message) {
	const error = await promise.then(
		(answer) => assert.fail(`answered ${JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value))}`),
		(reason) => reason,
	);
	assert.ok(error instanceof ConnectError, error);
	assert.equal(error.rawMessage, message);
	assert.equal(Code[error.code], Code[code]);
	return error;
}

for (const { name, namespace, transport } of protocols) {
	describe(name, () => {
		const namespaceKey = namespace;
		let flipt, evaluation;
		before(async () => {
			flipt = createClient(Flipt, transport());
			evaluation = createClient(EvaluationService, transport());
			await flipt.createNamespace({ key: namespaceKey, name: namespace });
		});

		test("a configuration is built and evaluated", async () => {
			const flag = await flipt.createFlag({ namespaceKey, key: "color", name: "Color", enabled: true, metadata: { team: "web", size: 3 } });
			assert.equal(flag.type, FlagType.VARIANT_FLAG_TYPE);
			assert.deepEqual(flag.metadata, { team: "web", size: 3 });
			assert.ok(Math.abs(timestampDate(flag.createdAt).getTime() - Date.now()) < 60_000, "created just now");
			const red = await flipt.createVariant({ namespaceKey, flagKey: "color", key: "red", attachment: '{ "hex": "#f00" }' });
			const blue = await flipt.createVariant({ namespaceKey, flagKey: "color", key: "blue" });
			await flipt.createSegment({ namespaceKey, key: "pro", name: "Pro", matchType: MatchType.ALL_MATCH_TYPE });
			const constraint = await flipt.createConstraint({
				namespaceKey,
				segmentKey: "pro",
				type: ComparisonType.STRING_COMPARISON_TYPE,
				property: "plan",
				operator: "eq",
				value: "pro",
			});
			assert.equal(constraint.operator, "eq");
			const rule = await flipt.createRule({ namespaceKey, flagKey: "color", segmentKeys: ["pro"], rank: 1 });
			for (const [variant, rollout] of [
				[red, 33.3],
				[blue, 66.7],
			]) {
				const { id } = variant;
				const distribution = await flipt.createDistribution({ namespaceKey, flagKey: "color", ruleId: rule.id, variantId: id, rollout });
				assert.equal(Math.fround(distribution.rollout), Math.fround(rollout));
			}
			await flipt.createFlag({ namespaceKey, key: "beta", name: "Beta", type: FlagType.BOOLEAN_FLAG_TYPE });
			await flipt.createRollout({
				namespaceKey,
				flagKey: "beta",
				rank: 1,
				rule: { case: "segment", value: { segmentKeys: ["pro"], value: true } },
			});

			const answers = new Set();
			for (let n = 0; n < 50; n++) {
				const context = { plan: "pro" };
				const answer = await evaluation.variant({ requestId: `r${n}`, namespaceKey, flagKey: "color", entityId: `entity-${n}`, context });
				assert.equal(answer.match, true);
				assert.equal(answer.reason, EvaluationReason.MATCH_EVALUATION_REASON);
				assert.equal(answer.requestId, `r${n}`);
				assert.deepEqual(answer.segmentKeys, ["pro"]);
				assert.equal(answer.variantAttachment, answer.variantKey === "red" ? '{"hex":"#f00"}' : "");
				answers.add(answer.variantKey);
			}
			assert.deepEqual([...answers].sort(), ["blue", "red"]);

			const boolean = await evaluation.boolean({ namespaceKey, flagKey: "beta", entityId: "someone", context: { plan: "pro" } });
			assert.equal(boolean.enabled, true);
			assert.equal(boolean.reason, EvaluationReason.MATCH_EVALUATION_REASON);

			const batch = await evaluation.batch({
				requestId: "batch",
				requests: [
					{ namespaceKey, flagKey: "color", entityId: "someone" },
					{ namespaceKey, flagKey: "beta", entityId: "someone" },
					{ namespaceKey, flagKey: "nosuch", entityId: "someone" },
				],
			});
			assert.equal(batch.requestId, "batch");
			assert.deepEqual(
				batch.responses.map(({ type }) => type),
				[
					EvaluationResponseType.VARIANT_EVALUATION_RESPONSE_TYPE,
					EvaluationResponseType.BOOLEAN_EVALUATION_RESPONSE_TYPE,
					EvaluationResponseType.ERROR_EVALUATION_RESPONSE_TYPE,
				],
			);
			assert.equal(batch.responses[0].response.value.match, false);
			assert.equal(batch.responses[1].response.value.enabled, false);
			assert.equal(batch.responses[2].response.value.reason, ErrorEvaluationReason.NOT_FOUND_ERROR_EVALUATION_REASON);

			const list = await flipt.listFlags({ namespaceKey, limit: 1 });
			assert.equal(list.totalCount, 2);
			const rest = await flipt.listFlags({ namespaceKey, limit: 1, pageToken: list.nextPageToken });
			assert.deepEqual([list.flags[0].key, rest.flags[0].key, rest.nextPageToken], ["color", "beta", ""]);
		});

		test("errors carry code and message", async () => {
			await refused(flipt.getFlag({ namespaceKey, key: "nosuch" }), Code.NotFound, `flag "${namespace}/nosuch" not found`);
			await refused(flipt.createNamespace({ key: namespaceKey, name: "again" }), Code.InvalidArgument, `namespace "${namespace}" is not unique`);
			const request = { namespaceKey, flagKey: "nosuch", entityId: "someone" };
			await refused(evaluation.variant(request), Code.NotFound, `flag "${namespace}/nosuch" not found`);
		});

		test("a wrong request is answered with all its violations", async () => {
			const error = await refused(flipt.createFlag({ namespaceKey }), Code.InvalidArgument, "invalid field key: must not be empty");
			const [details, ...more] = error.findDetails(ViolationsSchema);
			assert.deepEqual(more, []);
			const fields = details.violations.map(({ field, ruleId }) => [field.elements.map(({ fieldName }) => fieldName).join("."), ruleId]);
			assert.deepEqual(fields, [
				["key", "string.min_len"],
				["name", "string.min_len"],
			]);
		});

		test("a snapshot has an ETag, and is not sent again", async () => {
			const data = createClient(DataService, transport());
			let etag;
			const snapshot = await data.evaluationSnapshotNamespace({ key: namespaceKey }, { onHeader: (headers) => (etag = headers.get("x-etag")) });
			assert.match(etag, /^[0-9a-f]{40}$/);
			assert.deepEqual(
				snapshot.flags.map(({ key }) => key),
				["color", "beta"],
			);
			let status;
			const again = await data.evaluationSnapshotNamespace(
				{ key: namespaceKey },
				{ headers: { "grpcgateway-if-none-match": etag }, onHeader: (headers) => (status = headers.get("x-http-code")) },
			);
			assert.equal(status, "304");
			assert.deepEqual(again.flags, []);
		});

		test("what is exported can be read", async () => {
			const features = createClient(FeaturesService, transport());
			const { file } = await features.export({ namespaces: [namespaceKey] });
			assert.match(new TextDecoder().decode(file.data), /key: color/);
		});
	});
}
