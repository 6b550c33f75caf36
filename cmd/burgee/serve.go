package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/burgeehq/burgee/server"
	"github.com/burgeehq/burgee/store"
	"github.com/burgeehq/burgee/webui"
)

// maxHistoryDays is a century.
const maxHistoryDays = 36525

// serveFlags are the settings of the server as the operator gives them.
type serveFlags struct {
	db, logLevel, logFormat, otlp *string
	counts, readOnly              *bool
	historyDays                   *uint
	doors                         server.Doors
}

func serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server (what burgee does without a command)",
		Long: "Run the server: gRPC, gRPC-Web and Connect on one address, the REST API and the web UI on the other.\n" +
			"Every flag has an environment variable: --log-level is BURGEE_LOG_LEVEL.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			context.AfterFunc(ctx, stop) // a second signal ends the process at once
			return serve(ctx, cmd.ErrOrStderr(), &f)
		},
	}
	flags := cmd.Flags()
	f.db = databaseFlag(flags)
	f.logLevel = flags.String("log-level", "info", "least `LEVEL` to log: trace, debug, info, warn, error")
	f.logFormat = flags.String("log-format", "auto", "`FORMAT` of the log: text, json, or auto: text on a terminal")
	f.otlp = flags.String("otlp-endpoint", "", "`URL` of a collector that traces of calls are sent to, by OTLP over HTTP")
	f.counts = flags.Bool("counts", true, "count evaluations by flag, answer and reason")
	f.historyDays = flags.Uint("history-days", 0, "`DAYS` of which every state can be told; older history is folded. 0 keeps all of it")
	f.readOnly = flags.Bool("read-only", false, "refuse every change; evaluations and reads go on")
	d := &f.doors
	flags.StringVar(&d.HTTP, "http", "127.0.0.1:8080", "`ADDRESS` of the REST API and the web UI")
	flags.StringVar(&d.GRPC, "grpc", "127.0.0.1:9000", "`ADDRESS` of gRPC, gRPC-Web and Connect")
	flags.BoolVar(&d.InsecureNetwork, "insecure-network", false, "allow addresses that are not loopback although there is no authentication")
	flags.StringSliceVar(&d.AllowedHosts, "allowed-host", nil, "`HOST` that requests may name beside localhost (repeatable)")
	flags.StringSliceVar(&d.CORSOrigins, "cors-origin", nil, "`ORIGIN` that browsers may call from (repeatable)")
	flags.StringVar(&d.BasePath, "base-path", "", "`PATH` such as /flags that everything at the address of --http is below")
	flags.StringVar(&d.TLSCert, "tls-cert", "", "`FILE` with the certificate chain, for TLS")
	flags.StringVar(&d.TLSKey, "tls-key", "", "`FILE` with the key of the certificate")
	flags.DurationVar(&d.DrainDelay, "drain-delay", 0, "`TIME` to go on serving after health says no, for load balancers")
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	completeValues(cmd, "log-level", "trace", "debug", "info", "warn", "error")
	completeValues(cmd, "log-format", "auto", "text", "json")
	return cmd
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, stderr io.Writer, f *serveFlags) (err error) {
	log, err := logger(stderr, *f.logLevel, *f.logFormat)
	if err != nil {
		return err
	}
	doors := f.doors
	doors.Log = log
	if err := doors.Check(); err != nil {
		return err
	}
	file, err := databasePath(*f.db)
	if err != nil {
		return err
	}
	if *f.historyDays > maxHistoryDays {
		return fmt.Errorf("--history-days %d: want at most %d, or 0 for all of it", *f.historyDays, maxHistoryDays)
	}
	start := time.Now()
	tuneGC()
	uuid.EnableRandPool() // a system call for 16 of them in the place of one each
	srv, err := server.Open(ctx, server.Settings{
		Store: store.Settings{
			Path: file, Retention: time.Duration(*f.historyDays) * 24 * time.Hour,
			RetentionFailed: func(err error) { log.Error().Err(err).Msg("old history could not be folded") },
		},
		Version: version, HTTPAddr: doors.HTTP, GRPCAddr: doors.GRPC, TLS: doors.TLSCert != "",
		CORSOrigins: doors.CORSOrigins, LogLevel: *f.logLevel, LogFormat: *f.logFormat, Log: log,
		OTLP: *f.otlp, Counts: *f.counts, ReadOnly: *f.readOnly, UI: server.NewUI(webui.Files(), doors.BasePath),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	listeners, err := doors.Open()
	if err != nil {
		return err
	}
	log.Info().Str("http", listeners.HTTPAddr()).Str("grpc", listeners.GRPCAddr()).Str("database", file).
		Uint64("revision", srv.Position().Revision).Str("version", version).Dur("start", time.Since(start)).Msg("burgee is serving")
	if err := listeners.Serve(ctx, srv.HTTP(), srv.GRPC(), srv.Ready); err != nil {
		return err
	}
	log.Info().Uint64("revision", srv.Position().Revision).Msg("burgee has stopped")
	return nil
}

// logger writes to w in the format that is asked for.
func logger(w io.Writer, level, format string) (zerolog.Logger, error) {
	least, err := zerolog.ParseLevel(level)
	if err != nil || level == "" {
		return zerolog.Nop(), fmt.Errorf("--log-level: %q is none of trace, debug, info, warn, error", level)
	}
	text := format == "text"
	if file, ok := w.(*os.File); ok && format == "auto" {
		text = isatty.IsTerminal(file.Fd())
	}
	switch format {
	case "auto", "text", "json":
	default:
		return zerolog.Nop(), fmt.Errorf("--log-format: %q is none of auto, text, json", format)
	}
	if text {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.RFC3339}
	}
	return zerolog.New(w).Level(least).With().Timestamp().Logger(), nil
}
