// Ready code for a flag, one template per language. Everything that comes from people is escaped for its language.
import { shellQuote } from './curl'

export interface SnippetInput {
  /** Address of the REST API, without a slash at the end. */
  address: string
  namespace: string
  key: string
  boolean: boolean
  /** What the program goes on with when the server does not answer: the key of a variant, or "". */
  fallback: string
}

export interface Snippet {
  id: string
  label: string
  /** How to get what the code needs. */
  install?: string
  code: string
}

/** A text in double quotes, for languages whose escapes are those of JSON: Go, JavaScript, Java, C#, Python, Rust. */
const quoted = (text: string) => JSON.stringify(text).replace(/[\u007f-\uffff]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
const phpQuoted = (text: string) => `'${text.replace(/['\\]/g, c => `\\${c}`)}'`
const rubyQuoted = phpQuoted

export function snippets(input: SnippetInput): Snippet[] {
  const { address, namespace, key, boolean, fallback } = input
  const [q, kind] = [quoted, boolean ? 'boolean' : 'variant']
  const json = JSON.stringify({ namespaceKey: namespace, flagKey: key, entityId: 'user-1', context: { plan: 'pro' } })
  const value = boolean ? 'enabled' : 'variantKey'
  return [
    { id: 'curl', label: 'curl', code: `curl -s ${shellQuote(`${address}/evaluate/v1/${kind}`)} \\\n  -d ${shellQuote(json)}` },
    {
      id: 'go', label: 'Go', install: 'go get github.com/burgeehq/burgee',
      code: `client := evaluationconnect.NewEvaluationServiceClient(http.DefaultClient, ${q(address)})
answer, err := client.${boolean ? 'Boolean' : 'Variant'}(ctx, &evaluation.EvaluationRequest{
	NamespaceKey: ${q(namespace)}, FlagKey: ${q(key)}, EntityId: "user-1",
	Context: map[string]string{"plan": "pro"},
})
${boolean ? 'on := err == nil && answer.Enabled' : `variant := ${q(fallback)}\nif err == nil && answer.VariantKey != "" {\n\tvariant = answer.VariantKey\n}`}`
    },
    {
      id: 'javascript', label: 'JavaScript', install: 'npm install @flipt-io/flipt',
      code: `import { FliptClient } from "@flipt-io/flipt";

const client = new FliptClient({ url: ${q(address)} });
let value = ${boolean ? 'false' : q(fallback)}; // while the server does not answer
try {
  const answer = await client.evaluation.${kind}({
    namespaceKey: ${q(namespace)}, flagKey: ${q(key)}, entityId: "user-1", context: { plan: "pro" },
  });
  value = answer.${value}${boolean ? '' : ` || ${q(fallback)}`};
} catch (error) {
  console.error(error);
}`
    },
    {
      id: 'openfeature', label: 'OpenFeature', install: 'npm install @openfeature/server-sdk @openfeature/ofrep-provider',
      code: `import { OpenFeature } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";

await OpenFeature.setProviderAndWait(new OFREPProvider({
  baseUrl: ${q(address)},
  headers: { "X-Flipt-Namespace": ${q(namespace)} },
}));
const client = OpenFeature.getClient();
const value = await client.${boolean ? 'getBooleanValue' : 'getStringValue'}(${q(key)}, ${boolean ? 'false' : q(fallback)}, { targetingKey: "user-1", plan: "pro" });`
    },
    {
      id: 'python', label: 'Python',
      code: `import json
from urllib.request import Request, urlopen

value = ${boolean ? 'False' : q(fallback)}  # while the server does not answer
body = {"namespaceKey": ${q(namespace)}, "flagKey": ${q(key)}, "entityId": "user-1", "context": {"plan": "pro"}}
try:
    with urlopen(Request(${q(`${address}/evaluate/v1/${kind}`)}, json.dumps(body).encode()), timeout=2) as answer:
        value = json.load(answer)["${value}"]${boolean ? '' : ` or ${q(fallback)}`}
except OSError as error:
    print(error)`
    },
    {
      id: 'java', label: 'Java',
      code: `HttpRequest request = HttpRequest.newBuilder(URI.create(${q(`${address}/evaluate/v1/${kind}`)}))
    .POST(HttpRequest.BodyPublishers.ofString(${q(json)}))
    .build();
HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
// answer.body() is JSON; its member ${value} is ${boolean ? 'true or false' : 'the key of the variant'}`
    },
    {
      id: 'csharp', label: 'C#',
      code: `using var http = new HttpClient();
var answer = await http.PostAsync(${q(`${address}/evaluate/v1/${kind}`)},
    new StringContent(${q(json)}, Encoding.UTF8, "application/json"));
answer.EnsureSuccessStatusCode();
using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
var value = json.RootElement.GetProperty("${value}").${boolean ? 'GetBoolean' : 'GetString'}();`
    },
    {
      id: 'ruby', label: 'Ruby',
      code: `require "net/http"
require "json"

body = { namespaceKey: ${rubyQuoted(namespace)}, flagKey: ${rubyQuoted(key)}, entityId: "user-1", context: { plan: "pro" } }
answer = Net::HTTP.post(URI(${rubyQuoted(`${address}/evaluate/v1/${kind}`)}), body.to_json)
value = JSON.parse(answer.body)["${value}"]`
    },
    {
      id: 'php', label: 'PHP',
      code: `$body = ['namespaceKey' => ${phpQuoted(namespace)}, 'flagKey' => ${phpQuoted(key)}, 'entityId' => 'user-1', 'context' => ['plan' => 'pro']];
$answer = file_get_contents(${phpQuoted(`${address}/evaluate/v1/${kind}`)}, false, stream_context_create(['http' => [
    'method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($body), 'timeout' => 2,
]]));
$value = json_decode($answer, true)['${value}'];`
    },
    {
      id: 'rust', label: 'Rust', install: 'cargo add reqwest --features json,blocking && cargo add serde_json',
      code: `let answer: serde_json::Value = reqwest::blocking::Client::new()
    .post(${quotedRust(`${address}/evaluate/v1/${kind}`)})
    .json(&serde_json::json!({
        "namespaceKey": ${quotedRust(namespace)}, "flagKey": ${quotedRust(key)}, "entityId": "user-1", "context": { "plan": "pro" }
    }))
    .send()?
    .json()?;
let value = answer["${value}"].${boolean ? 'as_bool().unwrap_or(false)' : `as_str().unwrap_or(${quotedRust(fallback)})`};`
    }
  ]
}

function quotedRust(text: string): string {
  return JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, (_, digits: string) => `\\u{${digits}}`).replaceAll('\\b', '\\u{8}').replaceAll('\\f', '\\u{c}')
}
