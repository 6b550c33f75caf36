package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/gen/flipt"
	"github.com/burgeehq/burgee/gen/flipt/evaluation"
	"github.com/burgeehq/burgee/gen/flipt/evaluation/evaluationconnect"
	"github.com/burgeehq/burgee/gen/flipt/fliptconnect"
)

func evaluateCommand() *cobra.Command {
	r := new(evaluation.EvaluationRequest)
	cmd := &cobra.Command{
		Use:   "evaluate FLAG",
		Short: "Evaluate a flag on a running server and print the answer as one line of JSON, or explain it",
		Args:  cobra.ExactArgs(1),
	}
	flags := cmd.Flags()
	flags.StringVarP(&r.NamespaceKey, "namespace", "n", "default", "`KEY` of the namespace")
	flags.StringVarP(&r.EntityId, "entity-id", "e", "", "`ID` of the entity (default: a random one)")
	flags.StringVarP(&r.RequestId, "request-id", "r", "", "`ID` of the request (default: a random one)")
	pairs := flags.StringArrayP("context", "c", nil, "`NAME=VALUE` of the context (repeatable)")
	address := flags.StringP("address", "a", "http://127.0.0.1:8080", "`URL` of the server, http(s)://host:port or grpc://host:port")
	ca := caFlag(flags)
	watch := flags.BoolP("watch", "w", false, "go on, evaluating again and again")
	interval := flags.DurationP("interval", "i", time.Second, "`TIME` between two evaluations with --watch")
	explain := flags.Bool("explain", false, "print what was tried and what decided, for people; it does not count as an evaluation")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r.FlagKey = args[0]
		if r.EntityId == "" {
			r.EntityId = uuid.NewString()
		}
		var err error
		if r.Context, err = contextOf(*pairs); err != nil {
			return err
		}
		if *interval <= 0 {
			return fmt.Errorf("--interval: %s is not a time greater than 0", *interval)
		}
		to, err := dial(*address, *ca)
		if err != nil {
			return err
		}
		once := evaluateOnce
		if *explain {
			once = explainOnce
		}
		for {
			if err := once(cmd.Context(), cmd.OutOrStdout(), to, r); err != nil || !*watch {
				return err
			}
			select {
			case <-cmd.Context().Done():
				return nil
			case <-time.After(*interval):
			}
		}
	}
	return cmd
}

// contextOf reads pairs such as plan=pro; a value may hold further signs of equality.
func contextOf(pairs []string) (map[string]string, error) {
	context := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("invalid context pair: %s", pair)
		}
		context[name] = value
	}
	return context, nil
}

// evaluateOnce asks for the type of the flag, evaluates it, and writes the answer with the names of the protos.
func evaluateOnce(ctx context.Context, w io.Writer, to connection, r *evaluation.EvaluationRequest) error {
	flag, err := fliptconnect.NewFliptClient(to.http, to.url, to.options...).
		GetFlag(ctx, &flipt.GetFlagRequest{Key: r.FlagKey, NamespaceKey: r.NamespaceKey})
	if err != nil {
		return err
	}
	client := evaluationconnect.NewEvaluationServiceClient(to.http, to.url, to.options...)
	if flag.Type == flipt.FlagType_BOOLEAN_FLAG_TYPE {
		answer, err := client.Boolean(ctx, r)
		if err != nil {
			return err
		}
		return json.NewEncoder(w).Encode(struct {
			FlagKey     string   `json:"flag_key"`
			Enabled     bool     `json:"enabled"`
			Reason      string   `json:"reason"`
			SegmentKeys []string `json:"segment_keys,omitempty"`
			RequestID   string   `json:"request_id"`
			Millis      float64  `json:"request_duration_millis"`
			Timestamp   string   `json:"timestamp"`
		}{answer.FlagKey, answer.Enabled, answer.Reason.String(), answer.SegmentKeys, answer.RequestId, answer.RequestDurationMillis,
			answer.Timestamp.AsTime().Format(time.RFC3339Nano)})
	}
	answer, err := client.Variant(ctx, r)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(struct {
		FlagKey     string   `json:"flag_key"`
		Match       bool     `json:"match"`
		Reason      string   `json:"reason"`
		Variant     string   `json:"variant_key,omitempty"`
		Attachment  string   `json:"variant_attachment,omitempty"`
		SegmentKeys []string `json:"segment_keys,omitempty"`
		RequestID   string   `json:"request_id"`
		Millis      float64  `json:"request_duration_millis"`
		Timestamp   string   `json:"timestamp"`
	}{answer.FlagKey, answer.Match, answer.Reason.String(), answer.VariantKey, answer.VariantAttachment, answer.SegmentKeys, answer.RequestId,
		answer.RequestDurationMillis, answer.Timestamp.AsTime().Format(time.RFC3339Nano)})
}
