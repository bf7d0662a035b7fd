package caddymodule

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// metric returns the sum of the values of a metric with all of labels, as the
// admin endpoint shows them, and how many of them there are.
func (h *host) metric(name string, labels ...string) (sum float64, n int) {
	h.t.Helper()
	a := h.ask(http.MethodGet, "/metrics")
	if a.status != http.StatusOK {
		h.t.Fatalf("%+v", a)
	}
	for line := range strings.Lines(a.body) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		found := true
		for _, l := range labels {
			found = found && strings.Contains(series, l)
		}
		if !found {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			h.t.Fatalf("%s: %v", line, err)
		}
		sum, n = sum+v, n+1
	}
	return sum, n
}

// The metrics are those of the running engine, after failed reloads too. The counts
// continue as long as the engine stays.
func TestMetricsOverReloads(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.list("one.txt", banned)
	h.list("two.txt", banned, "192.0.2.2")
	config := func(more string) string {
		return globals("snapshot off\nblocklist {DIR}/one.txt\n"+more) + site1
	}
	h.load(config(""))
	h.waitStatus(banned, http.StatusForbidden)
	stopped, _ := h.metric("tocsin_requests_stopped_total", `server="srv0"`, `action="ban"`, `origin="lists:one.txt"`)
	if stopped == 0 {
		t.Fatal("nothing was stopped")
	}
	expect := func(when string) {
		t.Helper()
		for range 3 {
			h.get(banned, "/")
		}
		stopped += 3
		if got, _ := h.metric("tocsin_requests_stopped_total", `server="srv0"`, `action="ban"`, `origin="lists:one.txt"`); got != stopped {
			t.Errorf("%s: %v stopped, want %v", when, got, stopped)
		}
	}
	expect("at first")
	for i := range 3 {
		h.load(config(fmt.Sprintf("allow 203.0.113.%d", i)))
		expect("after another policy")
	}
	h.load(config("blocklist {DIR}/two.txt {\naction throttle\n}"))
	stopped = 0 // another engine, which counts anew
	expect("after one more source")
	h.waitStatus("192.0.2.2", http.StatusTooManyRequests)
	if sum, n := h.metric("tocsin_decisions", `source="list:two.txt"`, `action="throttle"`); sum != 2 || n != 1 {
		t.Errorf("decisions of the new source: %v in %d series", sum, n)
	}
	h.load(config(""))
	stopped = 0
	expect("after one less source")
	if sum, n := h.metric("tocsin_decisions", `source="list:two.txt"`); n != 0 {
		t.Errorf("decisions of a source that is gone: %v in %d series", sum, n)
	}
	for name, bad := range map[string]string{
		"the engine": globals("blocklist {DIR}/two.txt\nsnapshot off") + "http://{ADDR} {\ntocsin {\npage {DIR}/none.html\n}\n}",
		"the policy": config("") + "\nhttp://192.0.2.200:1 {\nbind 192.0.2.200\n}",
	} {
		if err := h.tryLoad(bad); err == nil {
			t.Fatal("the config is accepted")
		}
		expect("after a reload that failed and had changed " + name)
		if sum, _ := h.metric("tocsin_decisions", `source="list:one.txt"`); sum != 1 {
			t.Errorf("after a reload that failed: %v decisions", sum)
		}
	}
	h.load(globals("") + "http://{ADDR} {\nrespond ok\n}")
	if _, n := h.metric("tocsin_ready"); n != 0 {
		t.Error("a config without tocsin has its metrics")
	}
}
