package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// WAFTest says what the WAF makes of a request.
type WAFTest struct {
	Result  string     `json:"result"`           // pass, ban or captcha
	Status  int        `json:"status,omitempty"` // of the answer to a request that is stopped
	Reason  string     `json:"reason,omitempty"`
	Rules   int        `json:"rules"`   // that run
	Matches []WAFMatch `json:"matches"` // those that stop come first
	Part    bool       `json:"part"`    // not all of the request was inspected
	Skipped []string   `json:"skipped,omitempty"`
}

// WAFMatch is a rule that the request matches.
type WAFMatch struct {
	Rule        string   `json:"rule"`
	Description string   `json:"description,omitempty"`
	File        string   `json:"file,omitempty"`
	Confidence  string   `json:"confidence"`
	Zones       []string `json:"zones"`
	Found       string   `json:"found"` // what it has found there first
	Does        string   `json:"does"`  // such as stops
}

func newWAF() caddycmd.Command {
	return caddycmd.Command{
		Name: "waf", Short: "Tests the rules of the WAF",
		Usage: "test <method> <url>",
		Long: `
The command waf test says which rules of the WAF a request matches, and what happens to it.`,
		CobraFunc: func(cmd *cobra.Command) { cmd.AddCommand(newWAFTest()) },
	}
}

func newWAFTest() *cobra.Command {
	var o wafOptions
	cmd := &cobra.Command{
		Use:   "test <method> <url> [--header <name: value>]... [--data <text>|@<file>] [--config <path> [--adapter <name>] | --rules builtin|<path>...] [--json]",
		Short: "Says which rules a request matches, and what happens to it",
		Long: `
Says which rules of the WAF a request matches, in which part of the request, by which
text, and what happens to the request. It needs no running server, and sends nothing.

The URL is a path such as /page?id=1, or a whole URL. Put it in quotes, and escape it as
a browser does. The data is a form, unless it begins like JSON or a --header sets a
Content-Type.

The rules and the exceptions are those of the option waf in --config. Without --config
they are those of --rules, by default builtin. The options of a site, such as waf off,
do not count here.

The exit code is 0 if the request passes, and 2 if it is stopped.`,
		Args: cobra.ExactArgs(2), // the method and the URL
		RunE: func(cmd *cobra.Command, args []string) error {
			stopped, err := o.run(cmd, args[0], args[1])
			if err != nil || !stopped {
				return err
			}
			cmd.SilenceErrors = true // the answer is on the screen already
			return exit(cmd, exitBad)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.headers, "header", "H", nil, "A header of the request, as Name: value; may be repeated")
	f.StringVarP(&o.data, "data", "d", "", "The body, or @FILE to read it from a file")
	f.StringVarP(&o.config, "config", "c", "", "Config file with the option waf")
	f.StringVarP(&o.adapter, "adapter", "a", "", "Name of config adapter to apply (when --config is used)")
	f.StringArrayVar(&o.rules, "rules", nil, "The rules, if there is no --config: builtin, an appsec-config, or files of rules; may be repeated")
	f.BoolVar(&o.json, "json", false, "Print JSON")
	return cmd
}

// wafOptions are the flags of the command.
type wafOptions struct {
	config, adapter, data string
	headers, rules        []string
	json                  bool
}

// run prints what becomes of a request, and reports whether it is stopped.
func (o *wafOptions) run(cmd *cobra.Command, method, target string) (stopped bool, err error) {
	r, body, err := o.request(method, target)
	if err != nil {
		return false, err
	}
	app, err := o.app()
	if err != nil {
		return false, err
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: cmd.Context()})
	defer cancel()
	judge, err := app.WAF(ctx)
	switch {
	case err != nil:
		return false, err
	case judge == nil:
		return false, fmt.Errorf("reading %s: the global option tocsin has no waf", o.config)
	}
	a := judge(r, body)
	if o.json {
		return a.Result != Passes, json.NewEncoder(cmd.OutOrStdout()).Encode(a)
	}
	return a.Result != Passes, a.write(cmd.OutOrStdout())
}

// request returns the request that the arguments describe.
func (o *wafOptions) request(method, target string) (*http.Request, []byte, error) {
	host := "localhost"
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(target, scheme); ok {
			end := strings.IndexAny(rest+"/", "/?")
			host, target = rest[:end], "/"+strings.TrimPrefix(rest[end:], "/")
		}
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, nil, fmt.Errorf("the URL: %w: a server refuses it before the WAF sees it", err)
	}
	body, err := o.body()
	if err != nil {
		return nil, nil, err
	}
	r := &http.Request{
		Method: method, URL: u, RequestURI: target, Host: host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), RemoteAddr: "192.0.2.1:1",
	}
	for _, field := range o.headers {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return nil, nil, fmt.Errorf("--header %q: want Name: value", field)
		}
		r.Header.Add(name, strings.TrimSpace(value))
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "tocsin waf test")
	}
	if h := r.Header.Get("Host"); h != "" {
		r.Host = h
	}
	if len(body) > 0 && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", guessedType(body))
	}
	return r, body, nil
}

func (o *wafOptions) body() ([]byte, error) {
	name, isFile := strings.CutPrefix(o.data, "@")
	if !isFile {
		return []byte(o.data), nil
	}
	body, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	return body, nil
}

func guessedType(body []byte) string {
	if body[0] == '{' || body[0] == '[' {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// app returns the app that says which rules there are, not provisioned.
func (o *wafOptions) app() (Planned, error) {
	switch {
	case o.config == "" && o.adapter != "":
		return nil, errors.New("--adapter goes with --config")
	case o.config != "" && len(o.rules) > 0:
		return nil, errors.New("--rules goes without --config, which says itself what to run")
	case o.config != "":
		app, err := planned(o.config, o.adapter)
		if err == nil && app == nil {
			err = fmt.Errorf("reading %s: the global option tocsin is missing; without a config there is --rules", o.config)
		}
		return app, err
	case len(o.rules) == 0:
		o.rules = []string{"builtin"}
	}
	text, err := json.Marshal(map[string]any{"inspectors": []any{map[string]any{"inspector": "waf", "rules": o.rules}}})
	if err != nil {
		return nil, err
	}
	return newPlanned(text)
}

// write prints what a says.
func (a *WAFTest) write(w io.Writer) error {
	return writeTable(w, func(t table) {
		result := a.Result
		if a.Status > 0 {
			result = fmt.Sprintf("%s, status %d", a.Result, a.Status)
		}
		t.row("Result", result)
		if a.Reason != "" {
			t.row("Reason", a.Reason)
		}
		t.row("Rules", fmt.Sprintf("%d run, %d matched", a.Rules, len(a.Matches)))
		if a.Part {
			t.row("Warning", "not all of the request is inspected")
		}
		for _, s := range a.Skipped {
			t.row("Left out", s)
		}
		if len(a.Matches) == 0 {
			return
		}
		t.row()
		t.row("RULE", "CONFIDENCE", "DOES", "ZONES", "FOUND", "ABOUT")
		for _, m := range a.Matches {
			t.row(m.Rule, m.Confidence, m.Does, strings.Join(m.Zones, ", "), m.Found, m.Description)
		}
	})
}
