package server_test

import (
	"math"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
)

// TestEdges sends what lies at the edges of the contract (sections 5 to 7 and 11) and what the published clients send, one
// after the other, to one server. The text of each answer must be equal, as in TestExchanges.
func TestEdges(t *testing.T) {
	t.Parallel()
	const (
		notFound    = `404 {"code":5,"message":"Not Found","details":[]}`
		notAllowed  = `501 {"code":12,"message":"Method Not Allowed","details":[]}`
		wrongType   = `400 {"code":3,"message":"invalid values for key(s) in json body","details":[]}`
		noFeature   = `404 {"errorCode":"FLAG_NOT_FOUND","errorDetails":"Not Found"}`
		noMethod    = `501 {"errorCode":"GENERAL","errorDetails":"Method Not Allowed"}`
		colorFlag   = `200 {"key":"color","name":"Color","description":"","enabled":true,"createdAt":"<ts>","updatedAt":"<ts>","variants":[],"namespaceKey":"default","type":"VARIANT_FLAG_TYPE"}`
		betaFlag    = `200 {"key":"beta","name":"Beta","description":"","enabled":false,"createdAt":"<ts>","updatedAt":"<ts>","variants":[],"namespaceKey":"default","type":"BOOLEAN_FLAG_TYPE"}`
		booleanBeta = `"enabled":false,"reason":"DEFAULT_EVALUATION_REASON","requestId":`
		oneSegment  = `200 {"segments":[{"key":"s","name":"S","description":"","createdAt":"<ts>","updatedAt":"<ts>","constraints":[],"matchType":"ANY_MATCH_TYPE","namespaceKey":"default"}],"nextPageToken":"","totalCount":1}`
		noVariant   = `{"match":false,"segmentKeys":[],"reason":"UNKNOWN_EVALUATION_REASON","variantKey":"","variantAttachment":"","requestId":"","requestDurationMillis":<n>,"timestamp":"<ts>","flagKey":"color"}`
	)
	s := script{srv: start(t), bound: make(map[string]string)}
	for _, group := range []struct {
		name      string
		exchanges [][2]string
	}{
		{"unknown members and nulls", [][2]string{
			{`POST /api/v1/flags {"key":"color","name":"Color","enabled":true,"bogus":{"x":[1]},"FlagKey":"no","key ":"no"}`, colorFlag},
			{`POST /api/v1/flags {"key":"beta","name":"Beta","type":"BOOLEAN_FLAG_TYPE","description":null,"metadata":null,"enabled":null}`, betaFlag},
			{`POST /api/v1/flags null`, `400 {"code":3,"message":"invalid field key: must not be empty","details":[]}`},
			{`POST /api/v1/flags `, `400 {"code":3,"message":"invalid field key: must not be empty","details":[]}`},
			{`POST /evaluate/v1/batch null`, `200 {"requestId":"<id7>","responses":[],"requestDurationMillis":<n>}`},
			{`POST /evaluate/v1/batch {"requests":[null]}`, `200 {"requestId":"<id8>","responses":[{"type":"ERROR_EVALUATION_RESPONSE_TYPE","errorResponse":{"flagKey":"","namespaceKey":"","reason":"NOT_FOUND_ERROR_EVALUATION_REASON"}}],"requestDurationMillis":<n>}`},
		}},
		{"enums", [][2]string{
			{`POST /api/v1/segments {"key":"s","name":"S","matchType":"any_match_type"}`, `400 {"code":3,"message":"unknown value \"\\\"any_match_type\\\"\" for enum flipt.MatchType","details":[]}`},
			{`POST /api/v1/segments {"key":"s","name":"S","matchType":"1"}`, `400 {"code":3,"message":"unknown value \"\\\"1\\\"\" for enum flipt.MatchType","details":[]}`},
			{`POST /api/v1/segments {"key":"s","name":"S","matchType":1.0}`, wrongType},
			{`POST /api/v1/segments {"key":"s","name":"S","matchType":true}`, wrongType},
			{`POST /api/v1/segments {"key":"s","name":"S","matchType":2147483648}`, wrongType},
			{`POST /api/v1/segments {"key":"s","name":"S","match_type":1}`, `200 {"key":"s","name":"S","description":"","createdAt":"<ts>","updatedAt":"<ts>","constraints":[],"matchType":"ANY_MATCH_TYPE","namespaceKey":"default"}`},
			{`POST /api/v1/namespaces/default/flags/color/rules {"segmentKey":"s","rank":1,"segmentOperator":"XOR"}`, `400 {"code":3,"message":"unknown value \"\\\"XOR\\\"\" for enum flipt.SegmentOperator","details":[]}`},
			{`GET /api/v1/export?encoding=NOPE`, `400 {"code":3,"message":"parsing field \"encoding\": \"NOPE\" is not a valid value","details":[]}`},
			{`GET /api/v1/export?encoding=99`, `400 {"code":3,"message":"parsing field \"encoding\": \"99\" is not a valid value","details":[]}`},
		}},
		{"wrong types", [][2]string{
			{`POST /api/v1/flags {"key":1,"name":"X"}`, wrongType},
			{`POST /api/v1/flags {"key":"x","name":"X","enabled":"true"}`, wrongType},
			{`POST /api/v1/flags {"key":"x","name":"X","enabled":1}`, wrongType},
			{`POST /api/v1/flags {"key":"x","name":"X","metadata":[]}`, `400 {"code":3,"message":"bad StructValue: json: cannot unmarshal array into Go value of type map[string]json.RawMessage","details":[]}`},
			{`POST /api/v1/flags "text"`, wrongType},
			{`POST /api/v1/flags 5`, wrongType},
			{`POST /api/v1/flags {"key":"x"`, `400 {"code":3,"message":"unexpected EOF","details":[]}`},
			{`POST /evaluate/v1/variant {"flagKey":"color","entityId":"u","context":[]}`, wrongType},
			{`POST /evaluate/v1/variant {"flagKey":"color","entityId":"u","context":{"a":{"b":"c"}}}`, wrongType},
			{`POST /evaluate/v1/batch {"requests":{"a":{}}}`, wrongType},
			{`POST /evaluate/v1/batch {"requests":{"1":{}}}`, wrongType},
			{`POST /api/v1/namespaces/default/flags/color/rules {"segmentKey":"s","rank":"one"}`, `400 {"code":3,"message":"invalid character 'o' looking for beginning of value","details":[]}`},
			{`POST /api/v1/namespaces/default/flags/color/rules {"segmentKey":"s","rank":1.5}`, wrongType},
			{`PUT /auth/v1/self/expire?expiresAt=tomorrow`, `400 {"code":3,"message":"parsing field \"expires_at\": parsing time \"tomorrow\" as \"2006-01-02T15:04:05.999999999Z07:00\": cannot parse \"tomorrow\" as \"2006\"","details":[]}`},
		}},
		{"queries", [][2]string{
			{`GET /api/v1/namespaces/default/segments?limit=&offset=&pageToken=&reference=&page_token=`, oneSegment},
			{`GET /api/v1/segments?LIMIT=x&bogus=1&limit[]=2`, oneSegment},
			{`GET /api/v1/segments?limit=1.5`, `400 {"code":3,"message":"parsing field \"limit\": strconv.ParseInt: parsing \"1.5\": invalid syntax","details":[]}`},
			{`GET /api/v1/segments?limit=2147483648`, `400 {"code":3,"message":"parsing field \"limit\": strconv.ParseInt: parsing \"2147483648\": value out of range","details":[]}`},
			{`GET /api/v1/segments?limit=2&limit=1`, `400 {"code":3,"message":"too many values for field \"limit\": 2, 1","details":[]}`},
			{`GET /api/v1/segments?limit=-1`, `400 {"code":3,"message":"invalid field limit: must be greater than or equal to 0","details":[]}`},
			{`GET /api/v1/segments?limit=1&pageToken=%21`, `400 {"code":3,"message":"pageToken is not valid: \"!\"","details":[]}`},
			{`DELETE /api/v1/namespaces/default/segments/s?force=yes`, `200 {}`},
			{`DELETE /api/v1/namespaces/nope?force=yes`, `400 {"code":3,"message":"parsing field \"force\": strconv.ParseBool: parsing \"yes\": invalid syntax","details":[]}`},
			{`DELETE /api/v1/namespaces/nope?force=`, `404 {"code":5,"message":"namespace \"nope\" not found","details":[]}`},
		}},
		{"paths", [][2]string{
			{`GET /api/v1//flags`, notFound},
			{`GET /api/v1/flags//`, notFound},
			{`GET /api/v1/namespaces//flags`, notFound},
			{`POST /api/v1/namespaces//evaluate {"flagKey":"color","entityId":"u"}`, notFound},
			{`POST /evaluate/v1//variant {}`, notFound},
			{`GET /api/v1/flags/color/`, colorFlag},
			{`GET /api/v1/flags/a%2Fb`, `404 {"code":5,"message":"flag \"default/a/b\" not found","details":[]}`},
			{`GET /api/v1/namespaces/a%2Fb/flags/c%25d%3Ae`, `404 {"code":5,"message":"flag \"a/b/c%d:e\" not found","details":[]}`},
			{`GET /api/v1/flags/%FF`, `400 {"code":3,"message":"parsing path parameter \"key\": not valid UTF-8","details":[]}`},
			{`GET /api/v1/flags/Color`, `404 {"code":5,"message":"flag \"default/Color\" not found","details":[]}`},
			{`GET /api/v1/Flags`, notFound},
			{`GET /api/v1/flags/color/rollouts`, notFound},
		}},
		{"content types", [][2]string{
			{`POST /api/v1/flags [Content-Type: text/plain] {"key":"color","name":"x"}`, `400 {"code":3,"message":"flag \"default/color\" is not unique","details":[]}`},
			{`POST /api/v1/flags [Content-Type: application/x-www-form-urlencoded] {"key":"color","name":"x"}`, `400 {"code":3,"message":"flag \"default/color\" is not unique","details":[]}`},
			{`POST /api/v1/flags [Content-Type: application/grpc] {"key":"color","name":"x"}`, `400 {"code":3,"message":"flag \"default/color\" is not unique","details":[]}`},
			{`POST /api/v1/flags [Content-Type: application/connect+proto] {"key":"color","name":"x"}`, `400 {"code":3,"message":"flag \"default/color\" is not unique","details":[]}`},
			{`POST /api/v1/flags [Content-Type: multipart/form-data;boundary=] {"key":"color","name":"x"}`, `400 {"code":3,"message":"flag \"default/color\" is not unique","details":[]}`},
			{`POST /api/v1/flags [Content-Type: ;;] {"key":"color","name":"x"}`, `400 {"code":3,"message":"flag \"default/color\" is not unique","details":[]}`},
			{`POST /api/v1/flags [Content-Encoding: br] {}`, `400 {"code":3,"message":"content encoding \"br\" is not supported: use gzip or none","details":[]}`},
			{`GET /api/v1/flags/color [Grpc-Timeout: soon]`, `400 {"code":3,"message":"invalid grpc-timeout: soon","details":[]}`},
		}},
		{"unknown paths and methods of each group", [][2]string{
			{`GET /api/v1/`, notFound},
			{`TRACE /api/v1/flags`, notAllowed},
			{`OPTIONS /api/v1/namespaces/default`, notAllowed},
			{`GET /evaluate/v1/nope`, notFound},
			{`GET /evaluate/v1/variant`, notAllowed},
			{`PUT /evaluate/v1/batch {}`, notAllowed},
			{`GET /internal/v1/nope`, notFound},
			{`POST /internal/v1/evaluation/snapshot/namespace/default {}`, notAllowed},
			{`GET /internal/v1/analytics/namespaces/default/flags/color`, `501 {"code":12,"message":"service flipt.analytics.AnalyticsService not implemented","details":[]}`},
			{`GET /auth/v1/nope`, notFound},
			{`POST /auth/v1/method {}`, notAllowed},
			{`GET /auth/v1/method/github/authorize`, notFound},
			{`GET /meta/nope`, notFound},
			{`DELETE /meta/info`, notAllowed},
			{`GET /ofrep/v1/nope`, noFeature},
			{`GET /ofrep/v1/evaluate/flags/color`, noMethod},
			{`PUT /ofrep/v1/evaluate/flags {}`, noMethod},
		}},
		{"Python", [][2]string{
			{`POST /evaluate/v1/boolean {"request_id":null,"namespace_key":"default","flag_key":"beta","entity_id":"u","context":{"a":"b"},"reference":null}`, `200 {` + booleanBeta + `"<id1>","requestDurationMillis":<n>,"timestamp":"<ts>","flagKey":"beta","segmentKeys":[]}`},
			{`POST /evaluate/v1/batch {"request_id":null,"requests":[{"namespace_key":"default","flag_key":"color","entity_id":"u","context":{},"request_id":null,"reference":null}],"reference":null}`,
				`200 {"requestId":"<id2>","responses":[{"type":"VARIANT_EVALUATION_RESPONSE_TYPE","variantResponse":` + noVariant + `}],"requestDurationMillis":<n>}`},
			{`POST /evaluate/v1/variant {"request_id":null,"namespace_key":"nope","flag_key":"color","entity_id":"u","context":{},"reference":null}`, `404 {"code":5,"message":"flag \"nope/color\" not found","details":[]}`},
		}},
		{"Rust", [][2]string{
			{`POST /evaluate/v1/boolean {"namespaceKey":"default","flagKey":"beta","entityId":"u","context":{},"reference":null}`, `200 {` + booleanBeta + `"<id3>","requestDurationMillis":<n>,"timestamp":"<ts>","flagKey":"beta","segmentKeys":[]}`},
			{`POST /evaluate/v1/batch {"requests":[{"namespaceKey":"default","flagKey":"color","entityId":"u","context":{},"reference":null}],"reference":null}`,
				`200 {"requestId":"<id4>","responses":[{"type":"VARIANT_EVALUATION_RESPONSE_TYPE","variantResponse":` + noVariant + `}],"requestDurationMillis":<n>}`},
		}},
		{"Go over HTTP", [][2]string{
			{`GET /api/v1/namespaces?limit=0&offset=0&pageToken=&reference=`, `200 {"namespaces":[{"key":"default","name":"Default","description":"Default namespace","protected":true,"createdAt":"<ts>","updatedAt":"<ts>"}],"nextPageToken":"","totalCount":1}`},
			{`GET /api/v1/namespaces/default/flags/color?reference=`, colorFlag},
			{`GET /api/v1/namespaces/default/flags/color/rules?limit=0&offset=0&pageToken=&reference=`, `200 {"rules":[],"nextPageToken":"","totalCount":0}`},
			{`GET /api/v1/namespaces/default/flags/beta/rollouts?limit=0&offset=0&pageToken=&reference=`, `200 {"rules":[],"nextPageToken":"","totalCount":0}`},
			{`POST /api/v1/namespaces//evaluate {"requestId":"","flagKey":"color","entityId":"u","context":{},"namespaceKey":""}`, notFound},
		}},
		{"PHP", [][2]string{
			{`POST /evaluate/v1/batch {"reference":"","requests":{"0":{"namespaceKey":"default","flagKey":"color","entityId":"u","context":{},"reference":""},"1":{"namespaceKey":"default","flagKey":"nope","entityId":"u","context":{}}}}`,
				`200 {"requestId":"<id5>","responses":[{"type":"VARIANT_EVALUATION_RESPONSE_TYPE","variantResponse":` + noVariant + `},{"type":"ERROR_EVALUATION_RESPONSE_TYPE","errorResponse":{"flagKey":"nope","namespaceKey":"default","reason":"NOT_FOUND_ERROR_EVALUATION_REASON"}}],"requestDurationMillis":<n>}`},
			{`POST /evaluate/v1/batch {"requests":{}}`, `200 {"requestId":"<id6>","responses":[],"requestDurationMillis":<n>}`},
		}},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, e := range group.exchanges {
				s.exchange(t, e[0], e[1])
			}
		})
	}
}

// TestMetadataOfNoJSON sends by gRPC what no answer of REST could hold.
func TestMetadataOfNoJSON(t *testing.T) {
	t.Parallel()
	c := start(t).overGRPC().flipt
	if _, err := c.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "f", Name: "f"}); err != nil {
		t.Fatal(err)
	}
	const want = "invalid_argument: invalid field metadata: must be a json object"
	for name, value := range map[string]*structpb.Value{
		"nothing": {}, "NaN": structpb.NewNumberValue(math.NaN()), "infinite": structpb.NewNumberValue(math.Inf(1)),
		"nothing in a list": structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{{}}}),
	} {
		metadata := &structpb.Struct{Fields: map[string]*structpb.Value{"a": value}}
		_, created := c.CreateFlag(t.Context(), &flipt.CreateFlagRequest{Key: "g", Name: "g", Metadata: metadata})
		_, updated := c.UpdateFlag(t.Context(), &flipt.UpdateFlagRequest{Key: "f", Name: "f", Metadata: metadata})
		for _, err := range []error{created, updated} {
			if connect.CodeOf(err) != connect.CodeInvalidArgument || err.Error() != want {
				t.Errorf("%s: got %v, want %s", name, err, want)
			}
		}
	}
}
