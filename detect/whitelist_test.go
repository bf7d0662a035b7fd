package detect

import (
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/event"
)

func TestWhitelists(t *testing.T) {
	const scenarios = `
type: trigger
name: early
filter: evt.Parsed.file_name startsWith 'x'
---
type: trigger
name: late
filter: evt.Parsed.file_name startsWith 'x' && evt.Meta.http_status == '404'
---
`
	post := func(e *event.Event) *event.Event { e.Method = "POST"; return e }
	for _, row := range []struct {
		name, yaml, want string
		events           []*event.Event
	}{
		{"an address", "whitelist: {reason: r, ip: [192.0.2.1, '::ffff:192.0.2.7']}", ". early*1 .", []*event.Event{
			get(0, "/x"), get(0, "192.0.2.2 /x"), get(0, "192.0.2.7 /x"),
		}},
		{"ranges", "whitelist: {cidr: [198.51.100.0/24, 203.0.113.9, 2001:db8::/32]}", "early*1 . early*1 . .", []*event.Event{
			get(0, "/x"), get(0, "198.51.100.255 /x"), get(0, "203.0.113.8 /x"), get(0, "203.0.113.9 /x"), get(0, "2001:db8:1::1 /x"),
		}},
		{"an expression", "whitelist: {expression: [\"evt.Parsed.verb == 'POST'\", \"evt.Parsed.http_args contains 'ok'\"]}", "early*1 . .", []*event.Event{
			get(0, "/x"), post(get(0, "/x")), get(0, "/x?ok"),
		}},
		{"only where the filter says", "filter: evt.Parsed.verb == 'POST'\nwhitelist: {ip: [192.0.2.1]}", "early*1 .", []*event.Event{get(0, "/x"), post(get(0, "/x"))}},
		{
			"by the status: scenarios that need the request alone wait for it",
			"whitelist: {expression: [\"evt.Meta.http_status == '404' && evt.Parsed.verb == 'POST'\"]}", "early*1 late*1 . early*1",
			[]*event.Event{status(404, get(0, "/x")), post(status(404, get(0, "/x"))), post(get(0, "/x"))},
		},
		{
			"by an address where the status is right", "filter: evt.Meta.http_status == '404'\nwhitelist: {ip: [192.0.2.1]}", ". early*1 early*1 late*1",
			[]*event.Event{status(404, get(0, "/x")), get(0, "/x"), status(404, get(0, "192.0.2.2 /x"))},
		},
		{
			"by what only the interpreter understands", "whitelist: {expression: [\"Split(evt.Meta.http_path, 'x')[1] == evt.Meta.http_status\"]}", ". early*1",
			[]*event.Event{status(404, get(0, "/x404")), get(0, "/x404")},
		},
		{"not by an expression that fails", "whitelist: {expression: ['int(evt.Parsed.http_args) == 0', 'true']}", "early*1 .", []*event.Event{get(0, "/x"), get(0, "/x?0")}},
	} {
		t.Run(row.name, func(t *testing.T) { newSite(t, Config{}, scenarios+row.yaml).sees(row.want, row.events...) })
	}
}

func TestRequestsWaitOnlyIfAWhitelistMayNeedTheResponse(t *testing.T) {
	s := newSite(t, Config{}, "type: trigger\nname: t\nfilter: 'true'\n---\nwhitelist: {expression: [\"evt.Parsed.verb == 'POST' && evt.Meta.http_status == '404'\"]}")
	e := get(0, "/")
	if n := len(s.d.Request(e)); n != 1 {
		t.Errorf("%d alerts before the response, want 1", n)
	}
	e.Method = "POST"
	if n := len(s.d.Request(e)); n != 0 {
		t.Errorf("%d alerts before the response, want none yet", n)
	}
	if n := len(s.d.Response(e)); n != 1 {
		t.Errorf("%d alerts after the response, want 1", n)
	}
	if got := s.d.Stats(); got.Events != 2 || got.Dropped != 0 {
		t.Errorf("%d events, %d dropped", got.Events, got.Dropped)
	}
	e.Status = 404
	s.sees(".", e)
	if got := s.d.Stats().Dropped; got != 1 {
		t.Errorf("%d dropped, want 1", got)
	}
}

func TestAClientWithoutAddressIsNotJudged(t *testing.T) {
	s := newSite(t, Config{}, minimal)
	e := get(0, "/")
	e.Client = netip.Addr{}
	s.sees(".", e)
}
