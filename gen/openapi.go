// Package gen holds what make generate writes, and is empty but for the description of the REST API.
package gen

import _ "embed"

// OpenAPI describes the REST API, in OpenAPI 3.1 as YAML.
//
//go:embed openapi.yaml
var OpenAPI string
