package caddymodule

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/tocsin-project/tocsin/admin"
	"github.com/tocsin-project/tocsin/lookup"
)

// placesDB returns the smallest database there can be, of one node, in the format
// of https://maxmind.github.io/MaxMind-DB/: all addresses from 128.0.0.0 on are in
// one country and one autonomous system, and those before it nowhere.
func placesDB(country string, as uint16) string {
	ctrl := func(kind, size int) string { return string([]byte{byte(kind<<5 | size)}) }
	str := func(s string) string { return ctrl(2, len(s)) + s }
	short := func(n uint16) string { return ctrl(5, 2) + string([]byte{byte(n >> 8), byte(n)}) }
	const nodes, separator = 1, 16
	tree := string([]byte{0, 0, nodes, 0, 0, nodes + separator}) // nowhere, and the first byte of the data
	data := ctrl(7, 2) +
		str("country") + ctrl(7, 1) + str("iso_code") + str(country) +
		str("autonomous_system_number") + short(as)
	meta := ctrl(7, 9) +
		str("binary_format_major_version") + short(2) +
		str("binary_format_minor_version") + short(0) +
		str("build_epoch") + short(1) +
		str("database_type") + str("Test") +
		str("description") + ctrl(7, 0) +
		str("ip_version") + short(4) +
		str("languages") + string([]byte{0, 4}) +
		str("node_count") + short(nodes) +
		str("record_size") + short(24)
	return tree + string(make([]byte, separator)) + data + "\xab\xcd\xefMaxMind.com" + meta
}

// Decisions about places are enforced where a database says who is there, and it
// may be exchanged under the server.
func TestPlaces(t *testing.T) {
	h := newHost(t)
	h.useAdmin()
	h.file("places.mmdb", placesDB("FR", 64496))
	h.load(h.withList("geoip {DIR}/places.mmdb") + "http://{ADDR} {\ntocsin\nrespond ok\nhandle_errors {\nrespond \"{http.tocsin.prefix}\"\n}\n}")
	h.waitSynced() // with the database
	table := runningEngine(t).Table()
	expect := func(from string, status int, body string) {
		t.Helper()
		if a := h.get(from, "/"); a.status != status || a.body != body {
			t.Errorf("%s gets %d %q, want %d %q", from, a.status, a.body, status, body)
		}
	}
	expect(allowed, 200, "ok")
	table.Update("list:banned.txt", []lookup.Decision{{Country: "FR", Action: lookup.Throttle}}, nil)
	expect(allowed, 429, "FR")
	expect("100.64.0.1", 200, "ok") // before 128.0.0.0
	table.Update("list:banned.txt", []lookup.Decision{{AS: 64496, Action: lookup.Ban}}, nil)
	expect(allowed, 403, "AS64496")
	table.Update("list:banned.txt", []lookup.Decision{{Prefix: prefix(t, "100.64.0.1"), Action: lookup.Ban}}, nil)
	expect("100.64.0.1", 403, "100.64.0.1/32")

	c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+allowed, 200)
	if c.Result != "ban" || c.Country != "FR" || c.AS != 64496 || len(c.Decisions) != 2 || c.Decisions[0].Scope != "as" {
		t.Errorf("check: %+v", c)
	}
	s := askFor[admin.Status](h, "GET", "/tocsin/status", 200)
	if !s.Ready || len(s.Sources) != 1 || len(s.Databases) != 1 || s.Databases[0].Kind != "mmdb" || !s.Databases[0].Ready {
		t.Errorf("status: %+v", s)
	}
	if s.Countries["FR"] < 2 || s.Countries["unknown"] != 1 || len(s.Countries) != 2 {
		t.Errorf("stopped by country: %v", s.Countries)
	}
	h.file("new.mmdb", placesDB("DE", 64497))
	if err := os.Rename(filepath.Join(h.dir, "new.mmdb"), filepath.Join(h.dir, "places.mmdb")); err != nil {
		t.Fatal(err)
	}
	h.waitStatus(allowed, http.StatusOK)
	h.file("places.mmdb", "rubbish")
	wait(t, func() error {
		if s := askFor[admin.Status](h, "GET", "/tocsin/status", 200); s.Databases[0].Error == "" {
			return errNotReady
		}
		return nil
	})
	if c := askFor[admin.Check](h, "GET", "/tocsin/check?ip="+allowed, 200); c.Country != "DE" || c.Result != "pass" {
		t.Errorf("with a database that is rubbish: %+v", c)
	}
}
