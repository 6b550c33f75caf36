// Live changes as strangers follow them: the published OpenFeature provider over its event stream, an EventSource on the events,
// and a client of the snapshot stream.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";
import { EventSource } from "eventsource";

import { start } from "./burgee.mjs";
import { load, switchPlain } from "./shop.mjs";

globalThis.EventSource = EventSource; // browsers have it, Node has not

let burgee;
before(async () => {
	burgee = await start();
	await load(burgee);
});
after(async () => {
	await OpenFeature.close();
	await burgee.stop();
});

describe("@openfeature/ofrep-web-provider", () => {
	test("learns of a change by the event stream alone", { timeout: 30_000 }, async () => {
		const calls = [];
		let unchanged;
		const known = new Promise((resolve) => (unchanged = resolve));
		const fetchImplementation = async (...request) => {
			const answer = await fetch(...request);
			calls.push([answer.status, new URL(request[0].url).searchParams.get("flagConfigEtag")]);
			if (answer.status === 304) unchanged();
			return answer;
		};
		const provider = new OFREPWebProvider({ baseUrl: burgee.http, cacheMode: "disabled", fetchImplementation });
		await OpenFeature.setProviderAndWait("ofrep", provider, { targetingKey: "user-1" });
		const client = OpenFeature.getClient("ofrep");
		assert.equal(client.getBooleanValue("plain", false), true);
		await known; // the first event of the stream: what the provider has is the newest
		const changed = new Promise((resolve) => client.addHandler(ProviderEvents.ConfigurationChanged, resolve));
		await switchPlain(burgee, false);
		assert.deepEqual((await changed).flagsChanged, ["plain"]);
		assert.equal(client.getBooleanValue("plain", true), false);
		assert.deepEqual(
			calls.map(([status]) => status),
			[200, 304, 200],
		);
		assert.equal(calls[0][1], null);
		assert.match(calls[2][1], /^"[0-9a-f]{16}-\d+"$/);
		assert.notEqual(calls[1][1], calls[2][1]);
		await switchPlain(burgee, true);
	});
});

describe("EventSource", () => {
	/** Opens a stream of events; next resolves with the next one of a name. */
	const open = (query = "", headers = {}) => {
		const fetchWithHeaders = (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } });
		const source = new EventSource(`${burgee.http}/api/v1/events${query}`, { fetch: fetchWithHeaders });
		const next = (name) =>
			new Promise((resolve) => source.addEventListener(name, ({ lastEventId, data }) => resolve({ id: lastEventId, ...JSON.parse(data) }), { once: true }));
		return { source, next };
	};

	test("gets a snapshot, revisions, and what it missed", { timeout: 30_000 }, async () => {
		const first = open();
		const snapshot = await first.next("snapshot");
		assert.ok(snapshot.documents.some(({ kind, key }) => kind === "flag" && key === "plain"));
		const told = first.next("revision");
		await switchPlain(burgee, false);
		const revision = await told;
		assert.deepEqual(
			revision.documents.map(({ key, flag }) => [key, flag.flag.enabled]),
			[["plain", false]],
		);
		first.source.close();
		await switchPlain(burgee, true);
		for (const second of [open(`?position=${revision.id}`), open("", { "Last-Event-ID": revision.id })]) {
			const missed = await second.next("revision");
			assert.equal(Number(missed.revision.revision), Number(revision.revision.revision) + 1);
			assert.equal(missed.documents[0].flag.flag.enabled, true);
			second.source.close();
		}
	});
});

describe("the snapshot stream", () => {
	test("sends a line at once and after each change", { timeout: 30_000 }, async () => {
		const abort = new AbortController();
		const answer = await fetch(`${burgee.http}/client/v2/environments/default/namespaces/default/stream`, {
			headers: { "X-Flipt-Accept-Server-Version": "1.47.0" },
			signal: abort.signal,
		});
		let text = "";
		const decoder = new TextDecoder();
		const reader = answer.body.getReader();
		const next = async () => {
			while (!text.includes("\n")) text += decoder.decode((await reader.read()).value, { stream: true });
			const line = text.slice(0, text.indexOf("\n"));
			text = text.slice(line.length + 1);
			return JSON.parse(line).result;
		};
		const plain = (snapshot) => snapshot.flags.find(({ key }) => key === "plain").enabled;
		assert.equal(plain(await next()), true);
		await switchPlain(burgee, false);
		assert.equal(plain(await next()), false);
		await switchPlain(burgee, true);
		assert.equal(plain(await next()), true);
		abort.abort();
	});
});
