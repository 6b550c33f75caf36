// A program that uses the generated SDK as its author would: typed, and with no other knowledge of the server.

import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

import { EvaluationReason, EvaluationService } from "./gen/flipt/evaluation/evaluation_pb.js";
import { type Flag, FlagType } from "./gen/flipt/flag_pb.js";
import { Flipt } from "./gen/flipt/flipt_pb.js";

export interface Outcome {
	made: string;
	boolean: boolean;
	before: boolean;
	after: boolean;
	matched: boolean;
	missing: string;
}

/** Makes a flag, rolls it out to everybody and evaluates it before and after. */
export async function run(baseUrl: string): Promise<Outcome> {
	const transport = createConnectTransport({ baseUrl });
	const flipt = createClient(Flipt, transport);
	const evaluation = createClient(EvaluationService, transport);
	const flag: Flag = await flipt.createFlag({ key: "typed", name: "Typed", type: FlagType.BOOLEAN_FLAG_TYPE, metadata: { owner: "web" } });
	const request = { flagKey: flag.key, entityId: "user-1", context: { plan: "pro" } };
	const before = await evaluation.boolean(request);
	await flipt.createRollout({ flagKey: flag.key, rank: 1, rule: { case: "threshold", value: { percentage: 100, value: true } } });
	const after = await evaluation.boolean(request);
	const missing = await evaluation.boolean({ flagKey: "nosuch" }).catch((error: unknown) => ConnectError.from(error));
	return {
		made: flag.key,
		boolean: flag.type === FlagType.BOOLEAN_FLAG_TYPE,
		before: before.enabled,
		after: after.enabled,
		matched: after.reason === EvaluationReason.MATCH_EVALUATION_REASON,
		missing: missing instanceof ConnectError ? Code[missing.code] : "answered",
	};
}
