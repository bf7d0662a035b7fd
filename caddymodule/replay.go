package caddymodule

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/detect"
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/replay"
	"go.uber.org/zap"
)

// Replayer implements [admin.Planned]. It starts nothing and needs no state.
func (a *App) Replayer(ctx caddy.Context, private bool) (*admin.Replayer, error) {
	watch, err := a.Detect.newWatch(ctx, zap.NewNop()) // what is left out is in the report
	switch {
	case err != nil:
		return nil, fmt.Errorf("detect: %w", err)
	case watch == nil:
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
	judge, err := engine.NewReplay(detect.New(detect.Config{Rules: watch.rules}), local)
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	r := &admin.Replayer{
		Looked: len(watch.rules.Names()),
		Config: replay.Config{Judge: judge, Allow: allow.contains, Spare: local.Spare},
	}
	for _, s := range watch.rules.Skipped() {
		r.LeftOut = append(r.LeftOut, s.String())
	}
	if len(watch.own) > 0 {
		r.Config.Describe = watch.describeRecorded
	}
	return r, nil
}

// describeRecorded is describe for a request that is over, as far as a log tells of
// it. One whose target is no URL meets no matcher, for it has never met one.
func (w *watch) describeRecorded(e *event.Event) {
	u, err := url.ParseRequestURI(e.Target)
	if err != nil {
		return
	}
	header := http.Header{"User-Agent": {e.UserAgent}}
	maps.Copy(header, e.Request)
	r := &http.Request{
		Method: e.Method, URL: u, RequestURI: e.Target, Host: e.Host, Proto: e.Proto, Header: header, Body: http.NoBody,
		RemoteAddr: netip.AddrPortFrom(e.Client, 1).String(),
	}
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(e.Proto)
	w.describe(caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, new(caddyhttp.Server)), e)
}
