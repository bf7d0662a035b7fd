package engine

import (
	"net"
	"net/netip"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// No remote source bans this machine from itself. What the operator says holds.
func TestNoSourceBansThisMachine(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	e, err := New(Config{Logger: zap.New(core), Sources: []Source{&fake{name: "a"}, &mine{fake{name: "list:mine"}}}})
	if err != nil {
		t.Fatal(err)
	}
	own := []string{"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if ip := netip.MustParsePrefix(a.String()).Addr(); !isDocumentation(ip) {
			own = append(own, ip.String())
		}
	}
	e.Table().Update("a", []lookup.Decision{
		{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Action: lookup.Ban}, {Prefix: netip.MustParsePrefix("::/0"), Action: lookup.Captcha},
	}, nil)
	for _, ip := range own {
		if e.stops(netip.MustParseAddr(ip)) || len(e.Covering(netip.MustParseAddr(ip))) > 0 {
			t.Errorf("%s is stopped", ip)
		}
	}
	if !e.stops(netip.MustParseAddr("198.51.100.1")) || !e.stops(netip.MustParseAddr("2001:db8::1")) {
		t.Error("others are not")
	}
	if logs.Len() != 1 || e.Stats().Own == 0 {
		t.Errorf("said %d times, counted %d", logs.Len(), e.Stats().Own)
	}
	for ip, source := range map[string]string{"127.0.0.2": LocalSource, "127.0.0.3": "list:mine"} {
		e.Table().Update(source, []lookup.Decision{{Prefix: netip.MustParsePrefix(ip + "/32"), Action: lookup.Ban}}, nil)
		if !e.stops(netip.MustParseAddr(ip)) {
			t.Errorf("what %s says does not hold", source)
		}
	}
}

// A mine is a list that the operator writes.
type mine struct{ fake }

func (*mine) ByOperator() bool { return true }
