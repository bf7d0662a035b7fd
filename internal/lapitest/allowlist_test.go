package lapitest

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestAllowlists(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.Allowlist(netip.MustParsePrefix("192.0.2.1/32"))
		s.Allowlist(netip.MustParsePrefix("198.51.100.0/24"))
		s.Allowlist(netip.MustParsePrefix("2001:db8::/32"))
		s.Disallow(netip.MustParsePrefix("2001:db8::/32"))
		c.login()
		a := c.get("/v1/allowlists?with_content=true")
		if s.Generation() == Old {
			if a.status != http.StatusNotFound {
				t.Errorf("status %d, want 404", a.status)
			}
			return
		}
		type list struct {
			Name, Description string
			CreatedAt         string `json:"created_at"`
			UpdatedAt         string `json:"updated_at"`
			Items             []struct {
				Value, Description, Expiration string
				CreatedAt                      string `json:"created_at"`
			}
		}
		lists := parse[[]list](t, a.body)
		if len(lists) != 1 || len(lists[0].Items) != 2 || lists[0].Items[0].Value != "192.0.2.1" ||
			lists[0].Items[1].Value != "198.51.100.0/24" || lists[0].Items[1].Expiration != "0001-01-01T00:00:00.000Z" {
			t.Errorf("%+v", lists)
		}
		if lists = parse[[]list](t, c.get("/v1/allowlists").body); len(lists[0].Items) != 0 {
			t.Error("content that nobody asked for")
		}
		c.jwt = ""
		if a := c.get("/v1/allowlists"); a.status != http.StatusUnauthorized {
			t.Errorf("status %d for an API key, want 401", a.status)
		}
	})
}

func TestAnAllowlistEndsDecisionsOfTheNewestGeneration(t *testing.T) {
	both(t, func(t *testing.T, s *Server, c *client) {
		s.Add(Decision{Value: "192.0.2.1"}, Decision{Value: "192.0.2.0/25"}, Decision{Value: "192.0.0.0/16"}, Decision{Value: "198.51.100.1"})
		c.pull("startup=true")
		s.Allowlist(netip.MustParsePrefix("192.0.2.0/24"))
		ended := ""
		if s.Generation() == Newest {
			ended = "ban 192.0.0.0/16, ban 192.0.2.0/25, ban 192.0.2.1"
		}
		expect(t, c.pull(""), "", ended)
	})
}
