package detect

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

func TestTheLineOfAnEvent(t *testing.T) {
	at := time.Date(2026, 11, 28, 21, 15, 0, 0, time.FixedZone("", 3600))
	request := func(change func(*event.Event)) *event.Event {
		e := &event.Event{
			Time: at, Client: netip.MustParseAddr("192.0.2.1"), Method: "GET", Target: "/x?y", Proto: "HTTP/1.1",
			Referer: "https://a/", UserAgent: "Mozilla", Status: 404,
		}
		change(e)
		return e
	}
	for _, row := range []struct {
		name, want string
		change     func(*event.Event)
	}{
		{"a request", `192.0.2.1 - - [28/Nov/2026:20:15:00 +0000] "GET /x?y HTTP/1.1" 404 - "https://a/" "Mozilla"`, func(*event.Event) {}},
		{"what was not said", `192.0.2.1 - - [28/Nov/2026:20:15:00 +0000] "GET /x?y HTTP/1.1" 200 - "-" "-"`, func(e *event.Event) {
			e.Referer, e.UserAgent, e.Status = "", "", 0
		}},
		{"what would end a field", `2001:db8::1 - - [28/Nov/2026:20:15:00 +0000] "GET /\x22\x5C\x0A\xC3\xA9 HTTP/1.1" 404 - "https://a/" "a\x22 \x22b"`, func(e *event.Event) {
			e.Client, e.Target, e.UserAgent = netip.MustParseAddr("2001:db8::1"), "/\"\\\n\u00e9", "a\" \"b"
		}},
		{"what is no request", `192.0.2.1 - - [28/Nov/2026:20:15:00 +0000] "\x16\x03" 400 - "-" "-"`, func(e *event.Event) {
			*e = event.Event{Time: at, Client: e.Client, Line: "\x16\x03", Status: 400}
		}},
	} {
		got, err := evaluate(t, "evt.Line.Raw", request(row.change))
		if err != nil || got != row.want {
			t.Errorf("%s: %v (%v), want\n%s", row.name, got, err, row.want)
		}
	}
	for source, want := range map[string]bool{
		"evt.Line.Src == '' && evt.Line.Module == ''":             true,
		"evt.Line.Labels.type == '' && len(evt.Line.Labels) == 0": true,
		"evt.Line.Time == date('2026-11-28T20:15:00Z')":           true,
		"evt.Line.Raw contains '/x' && len(evt.Line.Raw) < 200":   true,
	} {
		if got, err := evaluate(t, source, request(func(*event.Event) {})); err != nil || got != want {
			t.Errorf("%s is %v (%v)", source, got, err)
		}
	}
}

// The line has the status, so it waits for the response; what is compiled and what
// is left to the interpreter say the same.
func TestScenariosMayAskForTheLine(t *testing.T) {
	for _, row := range []struct {
		name, filter string
		late         bool
	}{
		{"all of it", `evt.Line.Raw contains 'GET /x HTTP/1.1" 404 -'`, true},
		{"by the interpreter", `Split(evt.Line.Raw, '"')[2] == ' 404 - ' && evt.Parsed.request == '/x'`, true},
		{"its source", `evt.Line.Src == '' && evt.Meta.http_path == '/x'`, false},
		{"its labels", `evt.Line.Labels.type != 'syslog' && evt.Meta.http_path == '/x'`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, Config{}, "type: trigger\nname: t\nfilter: |\n  "+row.filter+"\n")
			if early := len(s.d.Request(status(404, get(0, "/x")))); early > 0 == row.late {
				t.Errorf("%d alerts before the response", early)
			}
			s.sees("t*1 .", status(404, get(100, "/x")), status(404, get(200, "/y")))
		})
	}
	rules, err := Parse("x.yaml", []byte(filtered("evt.Line.Process")), nil)
	if err != nil || len(rules.Skipped()) != 1 || rules.Skipped()[0].Reason != "it asks for evt.Line.Process, which this version does not know" {
		t.Errorf("%v, %v", rules, err)
	}
}

func TestTheLineIsBounded(t *testing.T) {
	e := &event.Event{Client: netip.MustParseAddr("192.0.2.1")}
	for _, field := range []*string{&e.Target, &e.UserAgent, &e.Referer, &e.Proto, &e.Method} {
		*field = strings.Repeat("\xff", 1<<20)
	}
	if got, err := evaluate(t, "evt.Line.Raw", e); err != nil || len(got.(string)) > 3*4*16_384+100 {
		t.Errorf("%d bytes, %v", len(got.(string)), err)
	}
}
