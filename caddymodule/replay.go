package caddymodule

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/lookup"
	"github.com/tocsin-project/tocsin/replay"
	"go.uber.org/zap"
)

// Replayer implements [admin.Planned]. It starts nothing and needs no state.
func (a *App) Replayer(ctx caddy.Context, private bool) (*admin.Replayer, error) {
	watch, err := a.Detect.newWatch(ctx, zap.NewNop()) // what is left out is in the report
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	ruled, err := a.offlineWAF(ctx)
	switch {
	case err != nil:
		return nil, err
	case watch == nil && ruled == nil:
		return nil, errors.New("detect: it is off, so there are no scenarios to replay: remove detect off")
	}
	a.logger = zap.NewNop()
	allow, err := a.takeAllow(a.Allow, caddy.NewReplacer()) // files are read, and followed no further
	if err = errors.Join(err, a.giveAllowListsBack()); err != nil {
		return nil, fmt.Errorf("allow: %w", err)
	}
	local := a.Local.config()
	if private {
		local.Spare = func(netip.Addr) bool { return false }
	}
	r := &admin.Replayer{Config: replay.Config{Allow: allow.contains, Spare: local.Spare}}
	var rules *detect.Rules
	if watch != nil {
		rules = watch.rules
		watch.fill(r)
	}
	if ruled != nil {
		ruled.fill(r)
	}
	judge, err := engine.NewReplay(detect.New(detect.Config{Rules: rules}), local)
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	r.Config.Judge = judge
	return r, nil
}

// fill adds what scenarios look for.
func (w *watch) fill(r *admin.Replayer) {
	r.Looked = len(w.rules.Names())
	for _, s := range w.rules.Skipped() {
		r.LeftOut = append(r.LeftOut, s.String())
	}
	if len(w.own) > 0 {
		r.Config.Describe = w.describeRecorded
	}
}

// fill adds what the WAF looks for.
func (o *offlineWAF) fill(r *admin.Replayer) {
	r.Rules = len(o.Rules().Rules())
	for _, s := range o.Rules().Skipped() {
		r.LeftOut = append(r.LeftOut, s.String())
	}
	r.Config.Inspect = o.inspectRecorded
}

// inspectRecorded sets what rules find in a request that is over, as far as a log tells of
// it. One whose target is no URL has never come to the WAF.
func (o *offlineWAF) inspectRecorded(e *event.Event) {
	r, ok := recorded(e)
	if !ok {
		return
	}
	v := o.explain(r, e.Body).Verdict
	if v.Found == nil {
		return
	}
	e.Findings = slices.Clone(v.Found.Findings)
	e.Findings[0].Stopped = v.Action != lookup.None
}

// describeRecorded is describe for a request that is over, as far as a log tells of
// it. One whose target is no URL meets no matcher, for it has never met one.
func (w *watch) describeRecorded(e *event.Event) {
	if r, ok := recorded(e); ok {
		w.describe(caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server)), e)
	}
}

// recorded returns a request that is over; not ok: its target is no URL.
func recorded(e *event.Event) (r *http.Request, ok bool) {
	u, err := url.ParseRequestURI(e.Target)
	if err != nil {
		return nil, false
	}
	header := http.Header{"User-Agent": {e.UserAgent}}
	maps.Copy(header, e.Request)
	r = &http.Request{
		Method: e.Method, URL: u, RequestURI: e.Target, Host: e.Host, Proto: e.Proto, Header: header, Body: http.NoBody,
		RemoteAddr: netip.AddrPortFrom(e.Client, 1).String(),
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(e.Proto)
	return r, true
}
