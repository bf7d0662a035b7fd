package caddymodule

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/internal/lapitest"
)

// withLAPI returns a Caddyfile that follows a Local API and keeps a snapshot.
func withLAPI(url, key string, more ...string) string {
	return globals("lapi "+url+" "+key+" {\ninterval 100ms\n}\nsnapshot {DIR}/snap\n"+strings.Join(more, "\n")) +
		"http://{ADDR} {\ntocsin\nrespond ok\n}"
}

func TestDecisionsComeAndGo(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key))
	h.waitStatus(banned, http.StatusOK)
	api.Add(lapitest.Decision{Value: banned}, lapitest.Decision{Value: "203.0.113.0/24", Type: "throttle"})
	h.waitStatus(banned, http.StatusForbidden)
	h.waitStatus("203.0.113.7", http.StatusTooManyRequests)
	api.Delete(banned, "")
	h.waitStatus(banned, http.StatusOK)
	if a := h.get("203.0.113.7", "/"); a.status != http.StatusTooManyRequests {
		t.Errorf("the other decision is gone too: %d", a.status)
	}
}

func TestFallbackForUnknownTypes(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned, Type: "mfa"})
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key))
	h.waitStatus(banned, http.StatusForbidden)
	h.load(withLAPI(api.URL, api.Key, "fallback throttle"))
	h.waitStatus(banned, http.StatusTooManyRequests)
}

// caddy validate runs while the server does, on the same files.
func TestValidateStartsNothing(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	h := newHost(t)
	h.list("banned.txt", banned)
	h.load(h.withList() + "http://{ADDR} {\ntocsin\nrespond ok\n}")
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	snapshot := filepath.Join(h.dir, "snap")
	before, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.validate(withLAPI(api.URL, api.Key)); err != nil {
		t.Fatal(err)
	}
	if n := len(api.Requests()); n != 0 {
		t.Errorf("%d requests to the Local API", n)
	}
	if n := references(); len(n) != 0 {
		t.Errorf("references %v", n)
	}
	after, err := os.ReadFile(snapshot)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the snapshot is another one: %v", err)
	}
}

// The Local API is down when the server starts, and stays so.
func TestStartWithoutTheLocalAPI(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned})
	h := newHost(t)
	h.load(withLAPI(api.URL, api.Key))
	h.waitStatus(banned, http.StatusForbidden)
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	api.Close()
	h.load(withLAPI(api.URL, api.Key))
	if a := h.get(banned, "/"); a.status != http.StatusForbidden {
		t.Errorf("banned client gets %d", a.status)
	}
	if a := h.get(allowed, "/"); a.status != http.StatusOK {
		t.Errorf("allowed client gets %d", a.status)
	}
}

// Without a snapshot there is nothing to judge by, and the config chooses.
func TestStartupOfAFirstStart(t *testing.T) {
	for startup, status := range map[string]int{
		"open":   http.StatusOK,
		"closed": http.StatusServiceUnavailable,
	} {
		t.Run(startup, func(t *testing.T) {
			api := lapitest.Start(t, lapitest.Config{})
			api.InjectAlways(lapitest.Hang())
			h := newHost(t)
			h.load(withLAPI(api.URL, api.Key, "startup "+startup))
			if a := h.get(allowed, "/"); a.status != status {
				t.Errorf("status %d, want %d", a.status, status)
			}
		})
	}
}

// A new address or key of the Local API makes a new engine; its first pull may
// take long, and meanwhile the bans hold.
func TestAnotherLocalAPIStartsWarm(t *testing.T) {
	first := lapitest.Start(t, lapitest.Config{})
	first.Add(lapitest.Decision{Value: banned})
	second := lapitest.Start(t, lapitest.Config{})
	second.InjectAlways(lapitest.Hang())
	h := newHost(t)
	h.load(withLAPI(first.URL, first.Key))
	h.waitStatus(banned, http.StatusForbidden)
	h.load(withLAPI(second.URL, second.Key))
	for range 20 {
		if a := h.get(banned, "/"); a.status != http.StatusForbidden {
			t.Fatalf("banned client gets %d", a.status)
		}
	}
	second.ClearFaults()
}

// A Local API that hangs must not hold up reloads: Caddy waits for them under a
// lock.
func TestReloadWhileTheLocalAPIHangs(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.InjectAlways(lapitest.Hang())
	h := newHost(t)
	for i := range 5 {
		h.load(withLAPI(api.URL, api.Key, fmt.Sprintf("blocklist {DIR}/%d.txt", i)))
		if a := h.get(allowed, "/"); a.status != http.StatusOK {
			t.Errorf("allowed client gets %d", a.status)
		}
	}
}

// Two sources with decisions about one address: to end one does not end the
// other's.
func TestSourcesDoNotOverwriteEachOther(t *testing.T) {
	api := lapitest.Start(t, lapitest.Config{})
	api.Add(lapitest.Decision{Value: banned, Type: "captcha"})
	h := newHost(t)
	h.list("slow.txt", banned)
	h.load(withLAPI(api.URL, api.Key, "blocklist {DIR}/slow.txt {\naction throttle\n}"))
	h.waitStatus(banned, http.StatusForbidden)
	api.Delete(banned, "")
	h.waitStatus(banned, http.StatusTooManyRequests)
}
