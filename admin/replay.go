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

// newReplay returns the command replay, which asks no server and starts none.
func newReplay() caddycmd.Command {
	return caddycmd.Command{
		Name: "replay", Short: "Says who would have been stopped, out of logs",
		Usage: "<file...> [--config <path> [--adapter <name>] | --scenarios builtin|<path>... [--data <path>]] [--host <name>] [--private] [--json] [--limit <n>]",
		Long: `
Runs the requests of logs through the scenarios, in recorded time, and says who
would have been banned or challenged, by which scenario, and at which request. No
server is asked, and nothing is started or decided.

It reads Caddy's access log in JSON, and the common and the combined log of Apache
and nginx, with the name of a virtual host in front or without; packed with gzip or
not, - for standard input. Several files are merged by time.

What to look for is, as in the global option tocsin: detect, scenario, local and
allow of a config, or the files and folders that --scenarios names, or else what is
built in. What a site says for itself, such as detect off, is not asked, sessions
are not, and who claims to be a search engine is not verified.

An access log has no bodies, so that scenarios see nothing of forms, and a wrong
password that comes again counts again; the common and the combined log have no types
of content either, so that failed logins are not seen in them at all. Caddy writes no
credentials unless the option log_credentials says so. A server sees more than its log.

Of what a browser sends over plain HTTP nothing tells whether another page had it sent,
so that it leads to a challenge at most. Caddy's log has request>tls for what came by
TLS. The common and the combined log do not tell: their requests count as sent by TLS,
and what is said to be a ban is a challenge for browsers on a site without.

The exit code is 0 if nobody would have been stopped, 2 if somebody would, and 1 if no
line can be read.`,
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.MinimumNArgs(1)
			var o replayOptions
			f := cmd.Flags()
			f.StringVarP(&o.config, "config", "c", "", "Configuration file to take detect, scenario, local and allow from")
			f.StringVarP(&o.adapter, "adapter", "a", "", "Name of config adapter to apply (when --config is used)")
			f.StringArrayVar(&o.scenarios, "scenarios", nil, "What to look for without a config: builtin, or a file or folder; may be given again")
			f.StringVar(&o.data, "data", "", "Folder of the lists that scenarios ask, if it is not CrowdSec's")
			f.StringVar(&o.host, "host", "", "The site's host, for logs that do not name it")
			f.BoolVar(&o.private, "private", false, "Decide about clients of private networks, too")
			f.BoolVar(&o.json, "json", false, "Print all there is to say as JSON")
			f.IntVar(&o.limit, "limit", defaultOffenders, "How many clients the table shows at most")
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				rep, err := o.run(cmd, args)
				if err != nil || !rep.Stops() {
					return err
				}
				cmd.SilenceErrors = true // the report is on the screen already
				return exit(cmd, exitBad)
			}
		},
	}
}

// replayOptions are the flags of the command.
type replayOptions struct {
	config, adapter, host, data string
	scenarios                   []string
	private, json               bool
	limit                       int
}

// replayGC is GOGC of a replay: the process does nothing else and ends soon, and what
// it remembers is bounded, so that memory costs less than collecting it often.
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
	if p.Config.Describe != nil {
		r.KeepAllHeaders() // matchers may ask for any
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
	rep.Looked, rep.LeftOut = p.Looked, p.LeftOut
	if o.json {
		return rep, json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
	}
	return rep, rep.Print(cmd.OutOrStdout(), o.limit)
}

// app returns the app that says what to look for, not provisioned.
func (o *replayOptions) app() (Planned, error) {
	switch {
	case o.limit < 1:
		return nil, errors.New("--limit: want a number above 0")
	case o.config == "" && o.adapter != "":
		return nil, errors.New("--adapter goes with --config")
	case o.config == "":
		text, err := json.Marshal(map[string]any{"detect": map[string]any{"rules": o.scenarios, "data": o.data}})
		if err != nil {
			return nil, err
		}
		return newPlanned(text)
	case len(o.scenarios) > 0, o.data != "":
		return nil, errors.New("--scenarios goes without --config, which says itself what to look for, and --data likewise")
	}
	app, err := planned(o.config, o.adapter)
	if err == nil && app == nil {
		err = fmt.Errorf("reading %s: the global option tocsin is missing; without a config there is --scenarios", o.config)
	}
	return app, err
}
