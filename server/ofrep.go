package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/ofrep"
	"github.com/burgeehq/burgee/server/eval"
	"github.com/burgeehq/burgee/server/rest"
	"github.com/burgeehq/burgee/store"
)

// remote serves flipt.ofrep.OFREPService (evaluation.md 6.6, openfeature.md 1).
type remote struct {
	db       *database
	counting *counting
	version  string // of the program, whose answers may change with it
	log      zerolog.Logger
}

// GetProviderConfiguration implements flipt.ofrep.OFREPService.
func (*remote) GetProviderConfiguration(context.Context, *ofrep.GetProviderConfigurationRequest) (*ofrep.GetProviderConfigurationResponse, error) {
	return &ofrep.GetProviderConfigurationResponse{
		Name: "flipt",
		Capabilities: &ofrep.Capabilities{
			CacheInvalidation: &ofrep.CacheInvalidation{Polling: new(ofrep.Polling)},
			FlagEvaluation:    &ofrep.FlagEvaluation{SupportedTypes: []string{"string", "boolean"}},
		},
	}, nil
}

// EvaluateFlag implements flipt.ofrep.OFREPService.
func (o *remote) EvaluateFlag(ctx context.Context, r *ofrep.EvaluateFlagRequest) (*ofrep.EvaluatedFlag, error) {
	_, snapshot := o.db.View()
	answer, evaluated, err := o.evaluate(snapshot, remoteNamespace(ctx), r.Key, r.Context)
	if err != nil {
		return nil, err
	}
	o.counting.count(evaluated)
	return answer, nil
}

// EvaluateBulk implements flipt.ofrep.OFREPService. Over REST a flag that fails does not keep the others from being answered,
// and an answer that a provider has already is not sent again; an rpc fails with its first flag.
func (o *remote) EvaluateBulk(ctx context.Context, r *ofrep.EvaluateBulkRequest) (*ofrep.BulkEvaluationResponse, error) {
	namespace := remoteNamespace(ctx)
	state, snapshot := o.db.View()
	failures := rest.BulkOf(ctx)
	if failures != nil {
		stream := refetchStream(baseOf(ctx), namespace)
		if unchanged(ctx, o.etag(state, namespace, stream, r.Context)) {
			return new(ofrep.BulkEvaluationResponse), nil
		}
		failures.Announce(stream)
	}
	keys := remoteKeys(state, namespace, r.Context)
	answer := &ofrep.BulkEvaluationResponse{Flags: make([]*ofrep.EvaluatedFlag, len(keys))}
	all := make([]evaluated, 0, len(keys))
	for i, key := range keys {
		one, evaluated, err := o.evaluate(snapshot, namespace, key, r.Context)
		if err == nil {
			answer.Flags[i], all = one, append(all, evaluated)
			continue
		}
		if failures == nil {
			return nil, err
		}
		refused, expected := asConnect(err)
		if !expected {
			o.log.Error().Err(err).Str("namespace", namespace).Str("key", key).Msg("a flag cannot be evaluated")
		}
		answer.Flags[i] = new(ofrep.EvaluatedFlag)
		failures.Fail(i, key, refused)
	}
	o.counting.count(all...)
	return answer, nil
}

// remoteKeys are the flags that a context lists, or else all boolean flags and all enabled variant flags in service.
func remoteKeys(state *store.State, namespace string, context map[string]string) []string {
	var keys []string
	if list, ok := context["flags"]; ok {
		for key := range strings.SplitSeq(list, ",") {
			keys = append(keys, strings.TrimSpace(key))
		}
		return keys
	}
	for doc := range state.Flags(namespace).All() {
		if inService(doc) && (doc.Flag.Enabled || doc.Flag.Type == flipt.FlagType_BOOLEAN_FLAG_TYPE) {
			keys = append(keys, doc.Flag.Key)
		}
	}
	return keys
}

// etag names a bulk answer: everything that it is made of goes into the hash. It is weak, since the same answer may be sent
// compressed or indented.
func (o *remote) etag(state *store.State, namespace string, stream rest.EventStream, context map[string]string) string {
	made := strconv.AppendUint(make([]byte, 0, 512), state.NamespaceRevision(namespace), 10)
	made = strconv.AppendQuote(made, o.version)
	made = strconv.AppendQuote(made, state.Position().Epoch)
	made = strconv.AppendQuote(made, stream.Endpoint.RequestURI)
	for _, property := range slices.Sorted(maps.Keys(context)) {
		made = strconv.AppendQuote(made, property)
		made = strconv.AppendQuote(made, context[property])
	}
	sum := sha256.Sum256(made)
	return `W/"` + hex.EncodeToString(sum[:16]) + `"`
}

// unchanged sends the ETag, and says whether the caller's If-None-Match has it, in which case the answer is a 304.
func unchanged(ctx context.Context, tag string) bool {
	call, ok := connect.CallInfoForHandlerContext(ctx)
	if !ok {
		return false
	}
	call.ResponseHeader().Set("X-Etag", tag)
	if !listsETag(call.RequestHeader()["Grpcgateway-If-None-Match"], tag) {
		return false
	}
	call.ResponseHeader().Set("X-Http-Code", "304")
	return true
}

// listsETag compares weakly (RFC 9110, 8.8.3.2): the lines are lists of tags, or a star for any. Tags of ours hold no comma.
func listsETag(lines []string, tag string) bool {
	for _, line := range lines {
		for listed := range strings.SplitSeq(line, ",") {
			listed = strings.TrimSpace(listed)
			if listed == "*" || strings.TrimPrefix(listed, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
}

// evaluate evaluates a flag of either type, and leaves it to the caller to count that. The entity id is the member `targetingKey`
// of the context; without one only what is the same for every entity is answered.
func (o *remote) evaluate(
	snapshot *eval.Snapshot, namespace, key string, context map[string]string,
) (*ofrep.EvaluatedFlag, evaluated, error) {
	flag, err := o.counting.flag(snapshot, namespace, key)
	if err != nil {
		if missing(err) {
			err = notFound("flag was not found %s", key)
		}
		return nil, evaluated{}, err
	}
	var result eval.Result
	answer := &ofrep.EvaluatedFlag{Key: key}
	entity, given := context["targetingKey"] // an empty one is an entity like any other
	switch flag.Type() {
	case flipt.FlagType_VARIANT_FLAG_TYPE:
		if err := flag.Variant(entity, context, &result); err != nil {
			return nil, evaluated{}, err
		}
		answer.Variant, answer.Value, answer.Metadata = result.VariantKey, structpb.NewStringValue(result.VariantKey), remoteMetadata(&result)
	case flipt.FlagType_BOOLEAN_FLAG_TYPE:
		if err := flag.Boolean(entity, context, &result); err != nil {
			return nil, evaluated{}, err
		}
		answer.Variant, answer.Value, answer.Metadata = strconv.FormatBool(result.Enabled), structpb.NewBoolValue(result.Enabled), new(structpb.Struct)
	default:
		return nil, evaluated{}, invalid("unknown flag type: %d", flag.Type())
	}
	if !given && result.ByEntity {
		return nil, evaluated{}, noTargetingKey(key)
	}
	answer.Reason = remoteReasons[result.Reason]
	return answer, evaluated{flag, result.Outcome()}, nil
}

func noTargetingKey(key string) error {
	err := connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("flag %s needs a targetingKey in the context", key))
	rest.SetErrorCode(err, rest.TargetingKeyMissing)
	return err
}

// remoteMetadata holds the attachment and the matching segments of a variant flag's answer.
func remoteMetadata(result *eval.Result) *structpb.Struct {
	fields := make(map[string]*structpb.Value)
	if result.Attachment != "" {
		fields["attachment"] = structpb.NewStringValue(result.Attachment)
	}
	if keys := result.SegmentKeys(); len(keys) > 0 {
		fields["segments"] = structpb.NewStringValue(strings.Join(keys, ","))
	}
	return &structpb.Struct{Fields: fields}
}

// remoteReasons are the evaluator's in the words of OpenFeature.
var remoteReasons = [...]ofrep.EvaluateReason{
	eval.Unknown:      ofrep.EvaluateReason_UNKNOWN,
	eval.FlagDisabled: ofrep.EvaluateReason_DISABLED,
	eval.Match:        ofrep.EvaluateReason_TARGETING_MATCH,
	eval.Default:      ofrep.EvaluateReason_DEFAULT,
}

// remoteNamespace is the one that the caller's metadata names.
func remoteNamespace(ctx context.Context) string {
	if call, ok := connect.CallInfoForHandlerContext(ctx); ok {
		return namespaceOf(call.RequestHeader().Get("X-Flipt-Namespace"))
	}
	return defaultNamespace
}
