package caddymodule

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/caddymodule/guest"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

// verdictVar is the variable of a request that holds what was said about it, so
// that a second directive on its way, or one in the error routes, does not ask again.
const verdictVar = "tocsin_appsec"

// inspectors keeps clients of AppSec across reloads, by what they are made from:
// with their connections, their counts, and what they know of an AppSec that hangs.
var inspectors = caddy.NewUsagePool()

// An inspector is what all sites of a config ask.
type inspector struct {
	*appsec.Client
	url   string
	logs  logSwitch
	check bool // whether AppSec's rules know the versions of HTTP that it is told of
}

// A heldInspector is an inspector as long as a config has taken it.
type heldInspector struct {
	*inspector
	key     string
	release func()          // gives the log back; nil: it was not started
	checked <-chan struct{} // closed when the check has ended; nil: there is none
	ended   chan struct{}   // closed to end it
}

// take returns the inspector that s describes. It reads files, opens no connection
// and starts nothing.
func (s AppSec) take(repl *caddy.Replacer, sources []guest.Opened) (*heldInspector, error) {
	s, err := s.resolve(repl, sources)
	if err != nil {
		return nil, err
	}
	cfg, err := s.config()
	if err != nil {
		return nil, err
	}
	key, err := s.key()
	if err != nil {
		return nil, err
	}
	v, _, err := inspectors.LoadOrNew(key, func() (caddy.Destructor, error) {
		i := &inspector{url: s.URL, check: cfg.MaxHTTPVersion == appsec.HTTP3}
		cfg.Logger = i.logs.logger()
		var err error
		i.Client, err = appsec.New(cfg)
		return i, err
	})
	if err != nil {
		return nil, err
	}
	return &heldInspector{inspector: v.(*inspector), key: key}, nil
}

// Destruct closes what is open.
func (i *inspector) Destruct() error {
	i.Close()
	return nil
}

// start has the inspector log to l.
func (i *heldInspector) start(l *zap.Logger) {
	if i == nil {
		return
	}
	i.release = i.logs.use(l)
	if i.check {
		i.checkVersions(l)
	}
}

// checkPause is between two tries to ask an AppSec that does not answer.
const checkPause = 10 * time.Second

// checkVersions warns of rules that would ban every visitor over HTTP/3, as soon as
// AppSec answers.
func (i *heldInspector) checkVersions(l *zap.Logger) {
	checked, ended := make(chan struct{}), make(chan struct{})
	i.checked, i.ended = checked, ended
	go func() {
		defer close(checked)
		for {
			err := i.CheckVersions()
			if !errors.Is(err, appsec.ErrNoAnswer) {
				if err != nil {
					l.Warn("appsec: max_http_version 3 does not fit the rules", zap.Error(err))
				}
				return
			}
			select {
			case <-time.After(checkPause):
			case <-ended:
				return
			}
		}
	}()
}

// stop gives the log back.
func (i *heldInspector) stop() {
	if i == nil || i.release == nil {
		return
	}
	if i.checked != nil {
		close(i.ended)
		<-i.checked
	}
	i.release()
}

// giveBack gives the inspector itself back.
func (i *heldInspector) giveBack() error {
	if i == nil {
		return nil
	}
	_, err := inspectors.Delete(i.key)
	return err
}

// stats returns what has been counted.
func (i *heldInspector) stats() func() appsec.Stats {
	if i == nil {
		return nil
	}
	return i.Stats
}

// passed is what is mostly said.
var passed appsec.Verdict

// Inspect implements [middleware.Inspector]. It asks once about each request,
// however many directives this goes through.
func (i *inspector) Inspect(r *http.Request, in appsec.Inspection) (appsec.Verdict, error) {
	if v, ok := caddyhttp.GetVar(r.Context(), verdictVar).(*appsec.Verdict); ok {
		return *v, nil
	}
	v, err := i.Client.Inspect(r, in)
	switch {
	case err != nil:
	case v == passed:
		caddyhttp.SetVar(r.Context(), verdictVar, &passed)
	default:
		said := v
		caddyhttp.SetVar(r.Context(), verdictVar, &said)
	}
	return v, err
}

// original completes what is told of a request by what Caddy knows: what it was
// before rewrites, and whether the client speaks TLS with a proxy that is trusted.
func original(r *http.Request, in *appsec.Inspection) {
	if orig, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		in.Method, in.Target = orig.Method, orig.RequestURI
	}
	in.Secure = r.TLS != nil || endsTLS(r)
}

// endsTLS reports whether r came by HTTPS to a proxy that is trusted.
func endsTLS(r *http.Request) bool {
	behind, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return behind && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

// inspect has requests inspected here, unless this site says no.
func (h *Handler) inspect(app *App, cfg *middleware.Config) {
	if h.AppSec == "" && app.inspector != nil {
		cfg.Inspect, cfg.Original = app.inspector.inspector, original
	}
}

// giveUp ends a request that could not be read: without a word, unless the server
// has set a limit to it.
func giveUp(err error) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return caddyhttp.Error(http.StatusRequestEntityTooLarge, err)
	}
	panic(http.ErrAbortHandler)
}

// Interface guards
var (
	_ caddy.Destructor     = (*inspector)(nil)
	_ middleware.Inspector = (*inspector)(nil)
)
