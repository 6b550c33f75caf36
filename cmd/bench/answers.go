package main

import (
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/burgeehq/burgee/gen/flipt/evaluation"
)

// answer is what a full reading finds of one flag: its key, and what was decided, "" for nothing.
type answer struct{ key, value string }

// unmarshal is how a message is read: from its bytes or from JSON.
type unmarshal func([]byte, proto.Message) error

// lenient reads JSON, and whatever else a newer server says.
func lenient(text []byte, m proto.Message) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, m)
}

func variantOf(read unmarshal) func([]byte) ([]answer, error) {
	return func(body []byte) ([]answer, error) {
		var m evaluation.VariantEvaluationResponse
		err := read(body, &m)
		return []answer{{m.FlagKey, m.VariantKey}}, err
	}
}

func booleanOf(body []byte) ([]answer, error) {
	var m evaluation.BooleanEvaluationResponse
	err := proto.Unmarshal(body, &m)
	return []answer{ofBoolean(&m)}, err
}

// ofBoolean takes the reason: a boolean flag always answers, but only an evaluation has a reason.
func ofBoolean(m *evaluation.BooleanEvaluationResponse) answer {
	if m.GetReason() == evaluation.EvaluationReason_UNKNOWN_EVALUATION_REASON {
		return answer{key: m.GetFlagKey()}
	}
	return answer{m.GetFlagKey(), m.GetReason().String()}
}

func batchOf(read unmarshal) func([]byte) ([]answer, error) {
	return func(body []byte) ([]answer, error) {
		var m evaluation.BatchEvaluationResponse
		err := read(body, &m)
		var all []answer
		for _, one := range m.Responses {
			switch one.Type {
			case evaluation.EvaluationResponseType_VARIANT_EVALUATION_RESPONSE_TYPE:
				all = append(all, answer{one.GetVariantResponse().GetFlagKey(), one.GetVariantResponse().GetVariantKey()})
			case evaluation.EvaluationResponseType_BOOLEAN_EVALUATION_RESPONSE_TYPE:
				all = append(all, ofBoolean(one.GetBooleanResponse()))
			default:
				all = append(all, answer{key: one.GetErrorResponse().GetFlagKey()})
			}
		}
		return all, err
	}
}

// remoteAnswer is a flag as OFREP answers it.
type remoteAnswer struct{ Key, Variant string }

func remoteOf(body []byte) ([]answer, error) {
	var m remoteAnswer
	err := json.Unmarshal(body, &m)
	return []answer{{m.Key, m.Variant}}, err
}

func remoteBulkOf(body []byte) ([]answer, error) {
	var m struct{ Flags []remoteAnswer }
	err := json.Unmarshal(body, &m)
	all := make([]answer, len(m.Flags))
	for i, flag := range m.Flags {
		all[i] = answer{flag.Key, flag.Variant}
	}
	return all, err
}

// flagsOf reads a list or a snapshot.
func flagsOf(body []byte) ([]answer, error) {
	var m struct{ Flags []struct{ Key, Type string } }
	err := json.Unmarshal(body, &m)
	all := make([]answer, len(m.Flags))
	for i, flag := range m.Flags {
		all[i] = answer{flag.Key, flag.Type}
	}
	return all, err
}
