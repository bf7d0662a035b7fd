package caddymodule

import (
	"net/http"
	"testing"
)

// Behind a translator with its own prefixes, a client is the IPv4 address inside its IPv6
// address: for decisions and for scenarios, and for no other client. RFC 6052, section
// 2.2 defines the form of the addresses.
func TestClientsBehindATranslatorAreTheirIPv4Addresses(t *testing.T) {
	for _, row := range []struct{ name, option, from, same string }{
		{"a prefix of 96 bits", "nat64 2001:db8:64::/96", "2001:db8:64::c633:6442", "2001:db8:64::c633:6443"},
		{"one of 48 bits, with a byte in the midst that is left out", "nat64 2001:db8:122::/48", "2001:db8:122:c633:64:4200::", "2001:db8:122:c633:64:4300::"},
		{"the second of two", "nat64 2001:db8:65::/96 2001:db8:64::/96", "2001:db8:64::c633:6442", "2001:db8:64::c633:6443"},
		{"the prefix that all know", "", "64:ff9b::c633:6442", "64:ff9b::c633:6443"},
		{"that prefix beside one's own", "nat64 2001:db8:64::/96", "64:ff9b::198.51.100.66", "64:ff9b::198.51.100.67"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHost(t)
			h.load(h.watched(row.option+"\n"+trap, ""))
			status := func(from, path string, want int) {
				t.Helper()
				if a := h.get(from, path); a.status != want {
					t.Errorf("%s at %s: status %d, want %d", from, path, a.status, want)
				}
			}
			status(row.from, "/", http.StatusOK)
			status(row.from, "/trap", http.StatusForbidden)
			h.waitStatus(row.from, http.StatusForbidden)
			status(attacker, "/", http.StatusForbidden) // the same without the translator
			status(row.same, "/", http.StatusOK)        // who shares the translator
		})
	}
	t.Run("a list has IPv4 addresses", func(t *testing.T) {
		h := newHost(t)
		h.load(h.watched("nat64 2001:db8:64::/96", ""))
		h.waitStatus(banned, http.StatusForbidden)
		for from, want := range map[string]int{
			"2001:db8:64::c000:201":   http.StatusForbidden,
			"2001:db8:64::192.0.2.1":  http.StatusForbidden,
			"64:ff9b::c000:201":       http.StatusForbidden,
			"2001:db8:64::c000:202":   http.StatusOK,
			"2001:db8:64:1::c000:201": http.StatusOK, // of another prefix
			"2001:db8:65::c000:201":   http.StatusOK,
		} {
			if a := h.get(from, "/"); a.status != want {
				t.Errorf("%s: status %d, want %d", from, a.status, want)
			}
		}
	})
	t.Run("without the option a prefix is nobody's", func(t *testing.T) {
		h := newHost(t)
		h.load(h.watched("", ""))
		h.waitStatus(banned, http.StatusForbidden)
		if a := h.get("2001:db8:64::c000:201", "/"); a.status != http.StatusOK {
			t.Errorf("status %d", a.status)
		}
	})
}
