package lapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/internal/lapitest"
	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// echo repeats the request in all parts of its response.
func echo(code int) lapitest.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		ip := r.URL.Query().Get("ip")
		w.Header().Set("Location", "https://elsewhere.example"+r.URL.RequestURI()+"&again="+url.QueryEscape(ip))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"message":"no decision about %s (%s), [%s]:80, %s/32."}`, ip, r.URL.RawQuery, ip, ip)
	}
}

// said returns the whole log as text.
func said(t *testing.T, logs *observer.ObservedLogs) string {
	t.Helper()
	var b strings.Builder
	for _, e := range logs.All() {
		text, err := json.Marshal(e.ContextMap())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, e.Message, string(text))
	}
	return b.String()
}

// The log shows why a question about a client failed. The question contains the
// client's address, and the log must not.
func TestNoFailureTellsOfAClient(t *testing.T) {
	faults := map[string]lapitest.Fault{
		"no answer": lapitest.Hang(), "reset": lapitest.Cut(0), "cut": lapitest.Cut(3), "a redirect": echo(302), "refused": echo(403),
		"not found": echo(404), "a server error": echo(500), "an invalid answer": echo(200), "a list cut short": lapitest.Raw(`[{"value":"192.0.2.7"`),
		"what is odd":   lapitest.Raw(`[{"duration":"soon","type":"ban","value":"192.0.2.7"},{"duration":"4h","type":"tarpit","value":"192.0.2.7"}]`),
		"what is odder": lapitest.Raw(`[{"duration":"4h","type":"ban","value":"192.0.2.7x"},{"duration":"4h","type":"ban","value":"2001:db8::7"}]`),
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			playLive(t, LiveConfig{LogBits: func() (int, int) { return 0, 0 }}, func(s *liveScene) {
				s.spoil(-1, fault)
				for range 3 + 1 {
					for _, ip := range []string{"192.0.2.7", "2001:db8::7"} {
						s.ask(ip)
					}
					<-time.After(time.Minute)
				}
				all := said(s.T, s.logs)
				if err := s.live.Status().Err; err != nil {
					all += err.Error()
				}
				for _, secret := range []string{"192.0.2.7", "192.0.2.0", "2001:db8::", "2001%3A"} {
					if strings.Contains(all, secret) {
						t.Errorf("%s stands in\n%s", secret, all)
					}
				}
				if s.logs.Len() == 0 {
					t.Error("nothing is said")
				}
			})
		})
	}
}

func TestTheLogHasAsMuchOfAValueAsItMay(t *testing.T) {
	for _, row := range []struct {
		value, scope string
		v4, v6       int
		want         string // "": no field
	}{
		{"192.0.2.7", "Ip", 32, 128, "192.0.2.7"},
		{"192.0.2.7", "Ip", 24, 48, "192.0.2.0/24"},
		{"192.0.2.7", "Ip", 0, 0, ""},
		{"192.0.0.0/16", "Range", 24, 48, "192.0.0.0/16"},
		{"2001:db8:1:2::7", "Ip", 24, 48, "2001:db8:1::/48"},
		{"2001:db8:1:2::7", "Ip", 0, 0, ""},
		{"192.0.2.7x", "Ip", 32, 128, "192.0.2.7x"},
		{"192.0.2.7x", "Ip", 24, 48, ""},
		{"alice", "username", 24, 48, ""},
		{"FR", "Country", 0, 0, "FR"},
	} {
		rd := reader{bits: func() (int, int) { return row.v4, row.v6 }}
		f := rd.value(&wire.Row{Value: []byte(row.value), Scope: row.scope})
		core, logs := observer.New(zap.DebugLevel)
		zap.New(core).Info("", f)
		if got, _ := logs.All()[0].ContextMap()["value"].(string); got != row.want {
			t.Errorf("%s with %d and %d bits: %q; want %q", row.value, row.v4, row.v6, got, row.want)
		}
	}
	if f := (&reader{}).value(&wire.Row{Value: []byte("192.0.2.7")}); f.String != "192.0.2.7" {
		t.Errorf("by default: %+v", f)
	}
}

func TestUnaddressed(t *testing.T) {
	for text, want := range map[string]string{
		"no decision about 192.0.2.7":           "no decision about …",
		"192.0.2.7/32, [2001:db8::7]:443.":      "…/32, […]:443.",
		"from 192.0.2.7:4711: reset":            "from … reset",
		"ip=2001%3Adb8%3A%3A7&x=1":              "ip=…&x=1",
		"::ffff:192.0.2.7 is mapped":            "… is mapped",
		"version 1.7.8 of 2026, at 12:30:01: a": "version 1.7.8 of 2026, at 12:30:01: a",
		"http://192.0.2.9/v1/192.0.2.7":         "http://192.0.2.9/v1/…",
		"":                                      "",
	} {
		if got := unaddressed(text, "http://192.0.2.9"); got != want {
			t.Errorf("%s: %s; want %s", text, got, want)
		}
	}
}

func FuzzUnaddressed(f *testing.F) {
	f.Add("about ", "192.0.2.7", ".")
	f.Add("[", "2001:db8::7", "]:80")
	f.Fuzz(func(t *testing.T, before, ip, after string) {
		if strings.ContainsFunc(before+after, inAddress) {
			return
		}
		a := lookup.Normalize(addr("192.0.2.7"))
		if got := unaddressed(before+a.String()+after, "http://x"); strings.Contains(got, a.String()) && !strings.Contains(before+after, "%") {
			t.Errorf("%q has the address", got)
		}
		_ = unaddressed(ip, "")
	})
}

func TestAlertsThatAreRefusedTellOfNoClient(t *testing.T) {
	resp := &http.Response{
		StatusCode: 500, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(`{"message":"alert of 192.0.2.7: database is locked"}`)),
	}
	if text := (&api{base: "http://127.0.0.1:8080"}).refuse(resp, keyRefused).Error(); text != `status 500: "alert of … database is locked"` {
		t.Error(text)
	}
}
