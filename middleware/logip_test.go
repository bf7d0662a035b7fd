package middleware

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

func TestParseLogIP(t *testing.T) {
	for _, l := range []LogIP{LogIPFull, LogIPMasked, LogIPOff} {
		if got, err := ParseLogIP(l.String()); err != nil || got != l {
			t.Errorf("ParseLogIP(%q) is %v, %v", l, got, err)
		}
	}
	for _, s := range []string{"", "Full", "on", "none", strings.Repeat("x", 1000)} {
		_, err := ParseLogIP(s)
		if err == nil || !strings.Contains(err.Error(), "want full, masked or off") || len(err.Error()) > 200 {
			t.Errorf("ParseLogIP(%.20q): error %v", s, err)
		}
	}
	if s := (LogIPOff + 1).String(); s != "LogIP(3)" {
		t.Errorf("an unknown one is called %q", s)
	}
}

func TestLogIPSaysHowMuchOfAnAddressIsLogged(t *testing.T) {
	for _, c := range []struct {
		name           string
		log            LogIP
		decision       string // what it is about
		client         string
		prefix, logged any // fields; nil: none
	}{
		{"full tells all", LogIPFull, "192.0.2.77/32", "192.0.2.77", "192.0.2.77/32", "192.0.2.77"},
		{"full tells the range as it is", LogIPFull, "2001:db8::/33", "2001:db8::1", "2001:db8::/33", "2001:db8::1"},
		{"masked keeps a /24 of IPv4", LogIPMasked, "192.0.2.77/32", "192.0.2.77", "192.0.2.0/24", "192.0.2.0/24"},
		{"masked keeps a /48 of IPv6", LogIPMasked, "2001:db8:1:2::3/128", "2001:db8:1:2::3", "2001:db8:1::/48", "2001:db8:1::/48"},
		{"masked keeps a wider range as it is", LogIPMasked, "192.0.0.0/16", "192.0.2.77", "192.0.0.0/16", "192.0.2.0/24"},
		{"masked does not tell where in the /24 a range lies", LogIPMasked, "192.0.2.64/28", "192.0.2.77", "192.0.2.0/24", "192.0.2.0/24"},
		{"off keeps all of it out", LogIPOff, "192.0.2.77/32", "192.0.2.77", nil, nil},
		{"off keeps ranges out too", LogIPOff, "192.0.0.0/16", "192.0.2.77", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, logs := recorded(zap.InfoLevel)
			m := mustNew(t, Config{Lookup: in(table(t, c.decision+" ban")), Logger: log, LogIP: c.log, ChallengeOff: true})
			m.Check(from(netip.AddrPortFrom(netip.MustParseAddr(c.client), 1).String()))
			got := logs.All()[0].ContextMap()
			if got["prefix"] != c.prefix || got["client"] != c.logged {
				t.Errorf("prefix %v, client %v; want %v, %v", got["prefix"], got["client"], c.prefix, c.logged)
			}
			for name, v := range got {
				if s, ok := v.(string); ok && c.log != LogIPFull && strings.Contains(s, c.client) {
					t.Errorf("%s tells the address: %s", name, s)
				}
			}
		})
	}
}

func TestLogIPHoldsForClientsThatCannotBeTold(t *testing.T) {
	for _, c := range []struct {
		log    LogIP
		remote string
		want   any
	}{
		{LogIPFull, "192.0.2.77:1", "192.0.2.77:1"},
		{LogIPMasked, "192.0.2.77:1", "192.0.2.0/24"},
		{LogIPMasked, "192.0.2.77, 192.0.2.78", nil},
		{LogIPOff, "192.0.2.77:1", nil},
	} {
		log, logs := recorded(zap.InfoLevel)
		m := mustNew(t, Config{Lookup: in(new(lookup.Table)), ClientIP: Header("X-Real-IP"), Logger: log, LogIP: c.log, ChallengeOff: true})
		m.Check(from(c.remote))
		if got := logs.All()[0].ContextMap()["remote_addr"]; got != c.want {
			t.Errorf("%v: %q is logged as %v, want %v", c.log, c.remote, got, c.want)
		}
	}
}

func TestLogTellsWhatADecisionIsAbout(t *testing.T) {
	for _, c := range []struct {
		name     string
		decision lookup.Decision
		field    string // the one that there is of prefix, country and as
		want     any
	}{
		{"a country", lookup.Decision{Country: "DE"}, "country", "DE"},
		{"an autonomous system", lookup.Decision{AS: 64496}, "as", uint32(64496)},
		{"a range", lookup.Decision{Prefix: netip.MustParsePrefix("192.0.2.0/24")}, "prefix", "192.0.2.0/24"},
		{"nothing that is told", lookup.Decision{}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, logs := recorded(zap.InfoLevel)
			c.decision.Action = lookup.Ban
			m := mustNew(t, Config{Logger: log, ChallengeOff: true, Lookup: func(context.Context, netip.Addr) (lookup.Decision, bool) {
				return c.decision, true
			}})
			m.Check(from("192.0.2.1:1"))
			got := logs.All()[0].ContextMap()
			for _, field := range []string{"prefix", "country", "as"} {
				if v, ok := got[field]; ok != (field == c.field) || ok && v != c.want {
					t.Errorf("%s is %v", field, v)
				}
			}
		})
	}
}
