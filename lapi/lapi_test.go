package lapi

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const interval = 10 * time.Second

// A scene is a fake API, a client that follows it in a synctest bubble, and the table
// that it fills.
type scene struct {
	*testing.T
	*lapitest.Server

	client *Client
	table  *lookup.Table
	logs   *observer.ObservedLogs
	stop   func() // ends Run and waits for it
}

// play runs a scene against both generations of the API.
func play(t *testing.T, f func(*scene)) {
	for name, gen := range map[string]lapitest.Generation{"1.4.6": lapitest.Old, "1.7.8": lapitest.New} {
		t.Run(name, func(t *testing.T) { playWith(t, lapitest.Config{Generation: gen}, Config{}, f) })
	}
}

func playWith(t *testing.T, server lapitest.Config, cfg Config, f func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		s := &scene{T: t, Server: lapitest.StartPipe(t, server), table: &lookup.Table{}}
		core, logs := observer.New(zap.DebugLevel)
		cfg.URL, cfg.Key, cfg.Logger = s.Server.URL, s.Server.Key, zap.New(core)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.http.Transport = s.Transport()
		s.client, s.logs = c, logs
		defer func() { // also after a fatal error in f
			if s.stop != nil {
				s.stop()
			}
		}()
		f(s)
		if s.stop != nil {
			s.stop()
		}
		s.Server.Close()
		if n := logs.Filter(func(e observer.LoggedEntry) bool { return strings.Contains(shown(e), s.Key) }).Len(); n > 0 {
			t.Errorf("the key stands in %d lines of the log", n)
		}
	})
}

func shown(e observer.LoggedEntry) string {
	line, _ := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()).EncodeEntry(e.Entry, e.Context)
	return line.String()
}

// run starts following and waits for the first answer.
func (s *scene) run() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.client.Run(ctx, s.table) }()
	s.stop = func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			s.Errorf("Run returned %v", err)
		}
		s.stop = nil
	}
	synctest.Wait()
}

// poll lets time pass until the next poll is over.
func (s *scene) poll() { s.after(interval) }

func (s *scene) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *scene) want(ip string, want lookup.Action) {
	s.Helper()
	d, _ := s.table.Lookup(netip.MustParseAddr(ip))
	if d.Action != want {
		s.Errorf("%s: %v, want %v", ip, d.Action, want)
	}
}

// wantFull checks which of the pulls so far asked for a full answer.
func (s *scene) wantFull(want ...bool) {
	s.Helper()
	pulls := s.Pulls()
	if len(pulls) != len(want) {
		s.Fatalf("%d pulls, want %d", len(pulls), len(want))
	}
	for i, p := range pulls {
		if p.Startup() != want[i] {
			s.Errorf("pull %d: startup %v", i, p.Startup())
		}
	}
}

// errors returns the messages logged as errors so far.
func (s *scene) errors() []observer.LoggedEntry {
	return s.logs.FilterLevelExact(zap.ErrorLevel).All()
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestNewChecksItsConfig(t *testing.T) {
	tests := []struct {
		name string
		cfg  Config
		want string
	}{
		{"no URL", Config{Key: "k"}, "no URL: want one such as"},
		{"no scheme", Config{URL: "127.0.0.1:8080", Key: "k"}, "no scheme: write http://127.0.0.1:8080"},
		{"no scheme and a name", Config{URL: "localhost:8080", Key: "k"}, "no scheme: write http://localhost:8080"},
		{"a bare path", Config{URL: "/run/c.sock", Key: "k"}, "write unix:///run/c.sock"},
		{"two slashes for a socket", Config{URL: "unix://run/c.sock", Key: "k"}, "want three slashes"},
		{"a foreign scheme", Config{URL: "ftp://h", Key: "k"}, `scheme "ftp": want http, https or unix`},
		{"no host", Config{URL: "http://:8080", Key: "k"}, "no host"},
		{"the whole path", Config{URL: "http://h/v1/decisions/stream", Key: "k"}, "leave out /v1"},
		{"a query", Config{URL: "http://h?startup=true", Key: "k"}, "query or fragment"},
		{"a bad port", Config{URL: "http://h:port", Key: "k"}, "invalid port"},
		{"no key", Config{URL: "http://h"}, "no API key: `cscli bouncers add NAME` makes one"},
		{"a key with a line end", Config{URL: "http://h", Key: "secret\n"}, "contains a character that is not allowed"},
		{"too short an interval", Config{URL: "http://h", Key: "k", Interval: 10}, "interval 10ns: want at least 100ms"},
		{"too short a resync", Config{URL: "http://h", Key: "k", Resync: time.Second}, "want at least the interval of 10s"},
		{"no such fallback", Config{URL: "http://h", Key: "k", Fallback: 9}, "want ban, captcha or throttle"},
		{"scopes in one string", Config{URL: "http://h", Key: "k", Scopes: []Scope{"ip,range"}}, `unknown scope "ip,range": want ip, range, country or as`},
		{"a context field that there is not", Config{URL: "http://h", Key: "k", Context: []ContextField{"body"}}, `unknown context "body": want query or host`},
		{"TLS files without TLS", Config{URL: "http://h", Key: "k", TLS: TLS{CA: "x"}}, "need an https URL"},
		{"half a pair", Config{URL: "https://h", TLS: TLS{Cert: "x"}}, "both a certificate file and a key file"},
		{"no such CA", Config{URL: "https://h", Key: "k", TLS: TLS{CA: "/nowhere.pem"}}, "reading the CA: open /nowhere.pem"},
		{"no such certificate", Config{URL: "https://h", TLS: TLS{Cert: "/no.pem", KeyFile: "/no.key"}}, "/no.pem"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.cfg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "local API lapi: ") {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the key is in it: %v", err)
			}
		})
	}
	t.Run("a password in the URL is refused and not shown", func(t *testing.T) {
		_, err := New(Config{URL: "http://user:hunter2@h", Key: "k"})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Error(err)
		}
	})
	t.Run("defaults", func(t *testing.T) {
		c, err := New(Config{URL: "http://h:8080/crowdsec/", Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if c.Name() != "lapi" || c.base != "http://h:8080/crowdsec" || c.cfg.Fallback != lookup.Ban ||
			c.cfg.Interval != 10*time.Second || c.cfg.Resync != time.Hour || c.Status().Stale != 5*time.Minute {
			t.Errorf("%+v", c.cfg)
		}
	})
	t.Run("stale after ten intervals", func(t *testing.T) {
		c, err := New(Config{URL: "http://h", Key: "k", Interval: 2 * time.Hour})
		if err != nil || c.Status().Stale != 20*time.Hour || c.cfg.Resync != 2*time.Hour {
			t.Error(err)
		}
	})
}
