package appsec

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/appsectest"
)

// With HTTP/2 too, the client knows when AppSec has finished a late request, and Close
// leaves nothing behind.
func TestLateAnswersAreAwaitedOverHTTP2(t *testing.T) {
	f := &fake{new(appsectest.Server)}
	f.Run(appsectest.Runner{Routines: 1, PerByte: 100 * time.Microsecond})
	f.Server.Server = httptest.NewUnstartedServer(f)
	f.Config.Protocols = new(http.Protocols)
	f.Config.Protocols.SetUnencryptedHTTP2(true)
	f.Start()
	t.Cleanup(f.Close)
	c := f.client(t, Config{H2C: true, Timeout: 100 * time.Millisecond, MaxTimeout: 150 * time.Millisecond})
	r := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 5000)))
	if v := judge(t, c, r, inspect.Details{Client: visitor}); !v.Slow || v.Status != 503 {
		t.Fatalf("%+v", v)
	}
	c.networks.mu.Lock()
	p := c.networks.by[inspect.NetworkOf(visitor)]
	c.networks.mu.Unlock()
	if p == nil {
		t.Fatal("nobody waits for the answer")
	}
	if !p.work.take(int64(204_800*time.Microsecond), time.Now().Add(30*time.Second)) { // which the late request holds until its end
		t.Fatal("the answer is awaited for ever")
	}
	if _, rest := c.networks.record(p); rest < time.Second || rest > time.Minute {
		t.Errorf("it rests for %v", rest)
	}
	late := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 5000)))
	if v := judge(t, c, late, inspect.Details{Client: visitor}); v.Reason != failureReasons[PutOff] {
		t.Errorf("%+v", v)
	}
	other := httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", 3000)))
	if v := judge(t, c, other, inspect.Details{}); !v.Slow {
		t.Errorf("%+v", v)
	}
	c.Close()                          // while AppSec works on it
	get(t, f.client(t, Config{}), "/") // until it has finished
}
