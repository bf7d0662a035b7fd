package lapi

import (
	"testing"

	"github.com/tocsin-project/tocsin/internal/wire"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// Only one spelling of a decision is the usual one, so that no other one shares its rows.
func TestUsualSpelling(t *testing.T) {
	for _, row := range []struct {
		value, scope, action string
		usual                bool
	}{
		{"192.0.2.1", "Ip", "ban", true},
		{"192.0.2.1", "ip", "ban", false},
		{"192.0.2.1", "Range", "ban", false},
		{"192.0.2.1", "Ip", "Ban", false},
		{"192.0.2.1", "Ip", "tarpit", false},
		{"192.0.2.1/32", "Ip", "ban", false},
		{"192.0.2.1/32", "Range", "ban", false},
		{"::ffff:192.0.2.1", "Ip", "ban", false},
		{"64:ff9b::203.0.113.1", "Ip", "ban", false},
		{"2001:db8::1", "Ip", "captcha", true},
		{"2001:db8:0::1", "Ip", "captcha", false},
		{"2001:DB8::1", "Ip", "captcha", false},
		{"2001:db8::1/128", "Ip", "captcha", false},
		{"192.0.2.0/24", "Range", "ban", true},
		{"192.0.2.1/24", "Range", "ban", false},
		{"192.0.2.0/24", "Ip", "ban", false},
		{"2001:db8::/32", "Range", "ban", true},
		{"FR", "Country", "ban", true},
		{"fr", "Country", "ban", false},
		{"64496", "AS", "ban", true},
		{"AS64496", "AS", "ban", false},
	} {
		rd := reader{fallback: lookup.Ban, log: zap.NewNop()}
		r := &wire.Row{Value: []byte(row.value), Scope: row.scope, Type: row.action}
		if _, usual, ok := rd.decision(r, new(Rows)); !ok || usual != row.usual {
			t.Errorf("%+v: usual %v, a decision %v", row, usual, ok)
		}
	}
}
