// The configuration that strangers evaluate.

import assert from "node:assert/strict";

const features = `
version: "1.4"
namespace: default
flags:
- key: color
  name: Color
  enabled: true
  variants:
  - {key: red, name: Red, attachment: {hex: "#f00", shades: [1, 2.5], dark: {on: true}}}
  - {key: blue, name: Blue}
  rules:
  - segment: pro
    distributions:
    - {variant: red, rollout: 50}
    - {variant: blue, rollout: 50}
- key: price
  name: Price
  enabled: true
  variants:
  - {key: "9.99"}
  rules:
  - segment: everyone
    distributions:
    - {variant: "9.99", rollout: 100}
- key: theme
  name: Theme
  enabled: true
  variants:
  - {key: light, default: true}
  - {key: dark, attachment: {contrast: 7}}
  rules:
  - segment: adults
    distributions:
    - {variant: dark, rollout: 100}
- key: retired
  name: Retired
  enabled: false
  variants:
  - {key: last, default: true}
- key: beta
  name: Beta
  type: BOOLEAN_FLAG_TYPE
  enabled: false
  rollouts:
  - segment: {key: pro, value: true}
  - threshold: {percentage: 50, value: true}
- key: plain
  name: Plain
  type: BOOLEAN_FLAG_TYPE
  enabled: true
segments:
- key: everyone
  name: Everyone
  match_type: ALL_MATCH_TYPE
- key: pro
  name: Pro
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: STRING_COMPARISON_TYPE, property: plan, operator: eq, value: pro}
- key: adults
  name: Adults
  match_type: ALL_MATCH_TYPE
  constraints:
  - {type: NUMBER_COMPARISON_TYPE, property: age, operator: gte, value: "18"}
---
namespace: {key: acme, name: Acme}
flags:
- {key: only-here, name: Only here, type: BOOLEAN_FLAG_TYPE, enabled: true}
`;

/** Loads the configuration into a server. */
export async function load(burgee) {
	const headers = { "Content-Type": "application/yaml" };
	const answer = await fetch(`${burgee.http}/api/v1/import`, { method: "POST", headers, body: features });
	assert.equal(answer.status, 200, await answer.text());
}

/** Switches flag `plain` of namespace default. */
export async function switchPlain(burgee, enabled) {
	const body = JSON.stringify({ name: "Plain", enabled });
	const answer = await fetch(`${burgee.http}/api/v1/namespaces/default/flags/plain`, { method: "PUT", body });
	assert.equal(answer.status, 200, await answer.text());
}
