package engine

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestGuardsHaveAQuotaOfLogLines(t *testing.T) {
	const left = "alerts about guards left out of the log"
	for _, row := range []struct {
		name  string
		line  string
		alert func(client netip.Addr) event.Alert
	}{
		{"of places", "many addresses attack one path, or come from one network: clients without a login or a pass are challenged there", func(c netip.Addr) event.Alert {
			return event.Alert{Client: c, Scenario: "s", Remediation: true, Guard: event.GuardPlace, Place: "POST site.example/login"}
		}},
		{"of what other pages send", "requests of a client that come from pages of other sites are challenged", func(c netip.Addr) event.Alert {
			return event.Alert{Client: c, Scenario: "s", Remediation: true, Reflected: true}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				core, logs := observer.New(zap.InfoLevel)
				e := start(t, Config{Logger: zap.New(core)})
				for i := range 1000 {
					e.Alert(row.alert(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})))
				}
				if n := logs.FilterMessage(row.line).Len(); n != 20 { // five for each of four networks
					t.Errorf("%d lines, want 20", n)
				}
				if n := logs.FilterMessage(left).Len(); n != 0 {
					t.Errorf("%d lines about the others already", n)
				}
				<-time.After(time.Minute)
				e.Alert(row.alert(netip.MustParseAddr("198.18.0.1")))
				if got := logs.FilterMessage(left).All(); len(got) != 1 || got[0].ContextMap()["alerts"] != int64(980) {
					t.Errorf("the sum: %v", got)
				}
				for range 10 {
					e.Alert(row.alert(netip.MustParseAddr("198.18.0.1")))
				}
				if err := e.Close(); err != nil {
					t.Fatal(err)
				}
				if got := logs.FilterMessage(left).All(); len(got) != 2 || got[1].ContextMap()["alerts"] != int64(6) {
					t.Errorf("at the end: %v", got)
				}
			})
		})
	}
}
