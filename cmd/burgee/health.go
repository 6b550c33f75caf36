package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthPatience is how long a server may take to say how it is.
const healthPatience = 5 * time.Second

func healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server how it is: exit status 0 if it serves, 1 if not",
		Long: "Ask a running server how it is and print its answer. The exit status is 0 if it serves and 1 if it does not, or does not\n" +
			"answer within 5 seconds: what a container's health check wants.",
		Args: cobra.NoArgs,
	}
	address := cmd.Flags().StringP("address", "a", "http://127.0.0.1:8080", "`URL` of the server, http(s)://host:port and its base path")
	ca := caFlag(cmd.Flags())
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), healthPatience)
		defer cancel()
		return askHealth(ctx, cmd.OutOrStdout(), *address, *ca)
	}
	return cmd
}

// askHealth prints what GET /health answers, which is an error unless it is 200.
func askHealth(ctx context.Context, w io.Writer, address, ca string) error {
	if strings.HasPrefix(address, "grpc:") {
		return errors.New("--address: health is asked over HTTP: use http or https")
	}
	to, err := dial(address, ca)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(to.url, "/")+"/health", nil)
	if err != nil {
		return err
	}
	answer, err := to.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", request.URL, answer.Status, strings.TrimSpace(string(text)))
	}
	_, err = w.Write(text)
	return err
}
