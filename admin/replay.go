package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/tocsin-project/tocsin/replay"
)

const defaultOffenders = 50

// newReplay returns the command replay, which needs no server and starts none.
func newReplay() caddycmd.Command {
	return caddycmd.Command{
		Name: "replay", Short: "Shows which clients of a log tocsin would have stopped",
		Usage: "<file...> [--config <path> [--adapter <name>] | --scenarios builtin|<path>... [--data <path>]] [--host <name>] [--private] [--json] [--limit <n>]",
		Long: `
Runs the requests of logs through the scenarios, in recorded time, and shows which
clients would have been banned or challenged, by which scenario, and at which
request. It needs no server, starts nothing, and makes no decisions.

It reads Caddy's access log in JSON, and the common and the combined log of Apache
and nginx, also with the name of a virtual host in front. Files may be compressed with
gzip, and - means standard input. Several files are merged by time.

The scenarios and rules are those of a config (detect, scenario, local, allow and waf in
the global option tocsin), or those of --scenarios, or else the built-in scenarios.
Settings of single sites, such as detect off, and sessions are ignored. Clients that
claim to be search engines are not verified.

A server sees more than its log. An access log has no bodies, so scenarios and the WAF
see no forms, and a repeated wrong password counts each time. The common and the combined
log have no content types either, so failed logins are not detected in them at all. Caddy
logs credentials only with the option log_credentials.

Over plain HTTP, browsers do not show whether another site caused a request, so such a
request leads to a challenge at most. Caddy's log shows TLS in request>tls. The common
and the combined log do not: their requests count as TLS, so for a site without TLS
some bans of the report would be challenges.

The exit code is 0 if no client would have been stopped, 2 if one would, and 1 if no
line can be read.`,
		CobraFunc: addReplay,
	}
}

// addReplay sets up the flags and the function of the command.
func addReplay(cmd *cobra.Command) {
	cmd.Args = cobra.MinimumNArgs(1)
	var o replayOptions
	f := cmd.Flags()
	f.StringVarP(&o.config, "config", "c", "", "Configuration file with detect, scenario, local, allow and waf")
	f.StringVarP(&o.adapter, "adapter", "a", "", "Name of config adapter to apply (when --config is used)")
	f.StringArrayVar(&o.scenarios, "scenarios", nil, "Scenarios to use without a config: builtin, a file or a folder (may be repeated)")
	f.StringVar(&o.data, "data", "", "Folder of the lists that scenarios use, if it is not CrowdSec's")
	f.StringVar(&o.host, "host", "", "Host of the site, for logs without it")
	f.BoolVar(&o.private, "private", false, "Include clients of private networks")
	f.BoolVar(&o.json, "json", false, "Print everything as JSON")
	f.IntVar(&o.limit, "limit", defaultOffenders, "Maximum number of clients in the table")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		rep, err := o.run(cmd, args)
		if err != nil || !rep.Stops() {
			return err
		}
		cmd.SilenceErrors = true // the report is printed already
		return exit(cmd, exitBad)
	}
}

// replayOptions are the flags of the command.
type replayOptions struct {
	config, adapter, host, data string
	scenarios                   []string
	private, json               bool
	limit                       int
}

// replayGC is GOGC of a replay. The process does nothing else and ends soon, and its
// memory is limited, so fewer collections are better.
const replayGC = 400

// run prints the report about logs.
func (o *replayOptions) run(cmd *cobra.Command, paths []string) (*replay.Report, error) {
	app, err := o.app()
	if err != nil {
		return nil, err
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: cmd.Context()})
	defer cancel()
	p, err := app.Replayer(ctx, o.private)
	if err != nil {
		return nil, err
	}
	r, err := replay.Open(paths...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	if o.host != "" {
		r.AssumeHost(o.host)
	}
	if p.Config.Describe != nil || p.Config.Inspect != nil {
		r.KeepAllHeaders() // matchers may need any header
	}
	defer debug.SetGCPercent(debug.SetGCPercent(replayGC))
	bar := newProgress(cmd.ErrOrStderr(), r.Progress)
	p.Config.Progress = bar.show
	began := time.Now()
	rep, err := replay.Run(ctx, r, p.Config)
	bar.clear()
	if err != nil {
		return nil, err
	}
	if err := rep.Err(); err != nil {
		return nil, err
	}
	rep.Timed(time.Since(began))
	rep.Looked, rep.RulesRun, rep.LeftOut = p.Looked, p.Rules, p.LeftOut
	if o.json {
		return rep, json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
	}
	return rep, rep.Print(cmd.OutOrStdout(), o.limit)
}

// app returns the app with the scenarios, which is not provisioned.
func (o *replayOptions) app() (Planned, error) {
	switch {
	case o.limit < 1:
		return nil, errors.New("--limit: must be greater than 0")
	case o.config == "" && o.adapter != "":
		return nil, errors.New("--adapter needs --config")
	case o.config == "":
		text, err := json.Marshal(map[string]any{"detect": map[string]any{"rules": o.scenarios, "data": o.data}})
		if err != nil {
			return nil, err
		}
		return newPlanned(text)
	case len(o.scenarios) > 0, o.data != "":
		return nil, errors.New("--scenarios and --data exclude --config: the config has its own scenarios")
	}
	app, err := planned(o.config, o.adapter)
	if err == nil && app == nil {
		err = fmt.Errorf("reading %s: the global option tocsin is missing: add it, or use --scenarios instead of --config", o.config)
	}
	return app, err
}
