package appsec

import (
	"cmp"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// TestReal asks a real AppSec at TOCSIN_APPSEC_URL, with the key TOCSIN_APPSEC_KEY. It
// needs a rule that bans requests for TOCSIN_APPSEC_BLOCKED (default: /rpc2).
func TestReal(t *testing.T) {
	addr := os.Getenv("TOCSIN_APPSEC_URL")
	if addr == "" {
		t.Skip("TOCSIN_APPSEC_URL names no AppSec")
	}
	blocked := cmp.Or(os.Getenv("TOCSIN_APPSEC_BLOCKED"), "/rpc2")
	for _, h2c := range []bool{false, true} {
		c := newClient(t, Config{URL: addr, Key: os.Getenv("TOCSIN_APPSEC_KEY"), Timeout: 5 * time.Second, H2C: h2c})
		for range 3 { // on one connection
			if v := get(t, c, "/"); v != (inspect.Verdict{}) {
				t.Errorf("clean: %+v", v)
			}
		}
		for _, target := range []string{blocked, "http://h" + blocked, blocked + "?x=#"} {
			if v := get(t, c, target); v.Action != lookup.Ban || !v.Answered || v.Status != 403 {
				t.Errorf("%s: %+v", target, v)
			}
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("a=b&", 100_000)))
		if v := judge(t, c, r, inspect.Details{Client: visitor, Ref: "0123456789"}); v != (inspect.Verdict{}) {
			t.Errorf("a clean body: %+v", v)
		}
	}
	c := newClient(t, Config{URL: addr, Key: "no-such-key", Timeout: 5 * time.Second})
	if v := get(t, c, "/"); v.Action != lookup.None || c.Stats().Failed[Unauthorized] != 1 || c.Stats().Retried != 1 {
		t.Errorf("a bad key: %+v, %+v", v, c.Stats())
	}
}
