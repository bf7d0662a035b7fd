package geo

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oschwald/maxminddb-golang/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type m = map[string]any

// country returns a record as GeoLite2-Country has them.
func country(code string) m {
	return m{"country": m{"iso_code": code, "names": names("country " + code)}}
}

// system returns a record as GeoLite2-ASN has them.
func asn(n uint32) m {
	return m{"autonomous_system_number": n, "autonomous_system_organization": "Example"}
}

// names returns a name in the languages that GeoLite2 has.
func names(s string) m {
	all := m{}
	for language := range strings.FieldsSeq("de en es fr ja pt-BR ru zh-CN") {
		all[language] = s + " in " + language
	}
	return all
}

// city returns a record as GeoLite2-City has them, the longest that there are.
func city(code string) m {
	return m{
		"city":               m{"geoname_id": uint32(3_000_000), "names": names("city")},
		"continent":          m{"code": "EU", "geoname_id": uint32(6_000_000), "names": names("continent")},
		"country":            m{"geoname_id": uint32(3_100_000), "is_in_european_union": true, "iso_code": code, "names": names("country")},
		"location":           m{"accuracy_radius": uint16(100), "latitude": 12.5, "longitude": 55.0, "time_zone": "Europe/Rome"},
		"postal":             m{"code": "12345"},
		"registered_country": m{"geoname_id": uint32(3_200_000), "iso_code": "SE", "names": names("registered")},
		"subdivisions":       []any{m{"geoname_id": uint32(1), "iso_code": "25", "names": names("subdivision")}},
	}
}

// write makes files of the databases and returns their paths.
func write(t testing.TB, all ...mmdb) []string {
	t.Helper()
	var paths []string
	for i, db := range all {
		path := filepath.Join(t.TempDir(), string(rune('a'+i))+".mmdb")
		if err := os.WriteFile(path, db.bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func newDB(t testing.TB, all ...mmdb) *DB {
	t.Helper()
	d, err := New(Config{Paths: write(t, all...)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLocate(t *testing.T) {
	const ip = "192.0.2.1"
	here := func(record m) []mmdb { return []mmdb{{entries: m{"192.0.2.0/24": record}}} }
	for _, row := range []struct {
		name    string
		files   []mmdb
		ip      string
		country string
		as      uint32
	}{
		{"a database of countries", here(country("DE")), ip, "DE", 0},
		{"a database of cities", here(city("DE")), ip, "DE", 0},
		{"a database of autonomous systems", here(asn(64496)), ip, "", 64496},
		{"the largest number of a system", here(asn(1<<32 - 1)), ip, "", 1<<32 - 1},
		{"two databases complete one another", append(here(asn(64496)), here(country("DE"))...), ip, "DE", 64496},
		{"the first of two that know it counts", append(here(country("DE")), here(country("FR"))...), ip, "DE", 0},
		{"what the first does not know the second may", []mmdb{{entries: m{"198.51.100.0/24": country("DE")}}, {entries: m{"192.0.2.0/24": country("FR")}}}, ip, "FR", 0},
		{"the country itself comes before the one of registration", here(m{"country": m{"iso_code": "DE"}, "registered_country": m{"iso_code": "FR"}}), ip, "DE", 0},
		{"without a country the one of registration counts", here(m{"registered_country": m{"iso_code": "FR"}, "represented_country": m{"iso_code": "US"}}), ip, "FR", 0},
		{"and then the one that is represented", here(m{"represented_country": m{"iso_code": "US"}}), ip, "US", 0},
		{"a flat database with names and codes", here(m{"country": "Germany", "country_code": "DE", "asn": "AS64496"}), ip, "DE", 64496},
		{"a flat database with codes as countries", here(m{"country": "DE", "asn": "AS64496"}), ip, "DE", 64496},
		{"a flat database with codes only", here(m{"country_code": "DE"}), ip, "DE", 0},
		{"a flat database with a system's number", here(m{"country": "DE", "autonomous_system_number": uint32(64496)}), ip, "DE", 64496},
		{"a code in small letters", here(country("de")), ip, "DE", 0},
		{"a code of three letters is none", here(m{"country": m{"iso_code": "DEU"}, "autonomous_system_number": uint32(1)}), ip, "", 1},
		{"a code with a digit is none", here(m{"country": m{"iso_code": "D1"}, "autonomous_system_number": uint32(1)}), ip, "", 1},
		{"a system's number that is none", here(m{"country_code": "DE", "asn": "AS4294967296"}), ip, "DE", 0},
		{"the narrower network counts", []mmdb{{entries: m{"192.0.0.0/16": country("FR"), "192.0.2.0/24": country("DE"), "192.0.2.128/25": country("SE")}}}, ip, "DE", 0},
		{"beside the narrower network the wider counts", []mmdb{{entries: m{"192.0.0.0/16": country("FR"), "192.0.2.0/24": country("DE")}}}, "192.0.3.1", "FR", 0},
		{"an address that is not in it", here(country("DE")), "198.51.100.1", "", 0},
		{"IPv4 mapped into IPv6", here(country("DE")), "::ffff:192.0.2.1", "DE", 0},
		{"IPv6", []mmdb{{entries: m{"2001:db8::/32": country("DE")}}}, "2001:db8::1", "DE", 0},
		{"IPv6 with a zone", []mmdb{{entries: m{"fe80::/64": country("DE")}}}, "fe80::1%eth0", "DE", 0},
		{"IPv4 in a database without IPv6", []mmdb{{v4: true, entries: m{"192.0.2.0/24": country("DE")}}}, ip, "DE", 0},
		{"IPv6 in a database without it", []mmdb{{v4: true, entries: m{"192.0.2.0/24": country("DE")}}}, "2001:db8::1", "", 0},
		{"a tree of 28 bits", []mmdb{{bits: 28, entries: m{"192.0.2.0/24": country("DE")}}}, ip, "DE", 0},
		{"a tree of 32 bits", []mmdb{{bits: 32, entries: m{"192.0.2.0/24": country("DE")}}}, ip, "DE", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newDB(t, row.files...)
			country, as := d.Locate(netip.MustParseAddr(row.ip))
			if country != row.country || as != row.as {
				t.Errorf("%s is in %q, %d; want %q, %d", row.ip, country, as, row.country, row.as)
			}
			if s := d.Status(); s.Err != nil || s.Synced.IsZero() {
				t.Errorf("status %+v; want one in step", s)
			}
			for _, f := range d.files {
				if err := d.damage(f); err != nil {
					t.Errorf("a sound database is %v", err)
				}
			}
		})
	}
	t.Run("no address is nowhere", func(t *testing.T) {
		if country, as := newDB(t, here(country("DE"))...).Locate(netip.Addr{}); country != "" || as != 0 {
			t.Errorf("it is in %q, %d", country, as)
		}
	})
}

func TestSystemName(t *testing.T) {
	here := func(record m) mmdb { return mmdb{entries: m{"192.0.2.0/24": record}} }
	for _, row := range []struct {
		name  string
		files []mmdb
		ip    string
		want  string
	}{
		{"MaxMind's", []mmdb{here(country("DE")), here(m{"autonomous_system_number": uint32(64496), "autonomous_system_organization": "Example"})}, "192.0.2.1", "Example"},
		{"IPinfo's", []mmdb{here(m{"country": "DE", "asn": "AS64496", "as_name": "Example"})}, "::ffff:192.0.2.1", "Example"},
		{"IPinfo's of systems alone", []mmdb{here(m{"asn": "AS64496", "name": "Example"})}, "192.0.2.1", "Example"},
		{"none", []mmdb{here(m{"autonomous_system_number": uint32(64496)})}, "192.0.2.1", ""},
		{"a name that is no text", []mmdb{here(m{"asn": "AS64496", "name": m{"en": "Example"}})}, "192.0.2.1", ""},
		{"nowhere", []mmdb{here(m{"asn": "AS64496", "name": "Example"})}, "198.51.100.1", ""},
		{"IPv6 in a database without it", []mmdb{{v4: true, entries: m{"192.0.2.0/24": m{"asn": "AS1", "name": "Example"}}}}, "2001:db8::1", ""},
	} {
		if got := newDB(t, row.files...).SystemName(netip.MustParseAddr(row.ip)); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	if got := newDB(t, here(asn(1))).SystemName(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}

func TestARecordDoesNotShowThroughTheNextOne(t *testing.T) {
	for name, record := range map[string]m{"nested": country("DE"), "flat": {"country": "DE"}} {
		d := newDB(t, mmdb{entries: m{"192.0.2.0/24": record, "198.51.100.0/24": asn(64496)}})
		for range 100 {
			if c, as := d.Locate(netip.MustParseAddr("192.0.2.1")); c != "DE" || as != 0 {
				t.Fatalf("%s: it is in %q, %d; want DE only", name, c, as)
			}
			if c, as := d.Locate(netip.MustParseAddr("198.51.100.1")); c != "" || as != 64496 {
				t.Fatalf("%s: it is in %q, %d; want system 64496 only", name, c, as)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	good := mmdb{entries: m{"192.0.2.0/24": country("DE")}}.bytes()
	for _, row := range []struct {
		name    string
		content string
		want    string
	}{
		{"an empty file", "", "empty file"},
		{"text", "192.0.2.1\n", "invalid MaxMind DB file"},
		{"a database cut short", string(good[:len(good)-60]), "unexpected end"},
		{"a database that lost its beginning", string(good[len(good)/2:]), "invalid metadata"},
		{"a file that is too large", strings.Repeat("x", 1<<16+1), "too large"},
		{"a database without places", string(mmdb{kind: "Weather", entries: m{"192.0.2.0/24": m{"rain": true}}}.bytes()), `its type is "Weather"`},
		{"a database that is empty", string(mmdb{entries: m{}}.bytes()), "no countries and no"},
		{"a database whose numbers are words", string(mmdb{entries: m{"192.0.2.0/24": m{"autonomous_system_number": "AS1"}}}.bytes()), "autonomous_system_number"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "geo.mmdb")
			if err := os.WriteFile(path, []byte(row.content), 0o600); err != nil {
				t.Fatal(err)
			}
			refuses(t, Config{Paths: []string{path}, MaxBytes: 1 << 16}, path, row.want)
		})
	}
	path := write(t, mmdb{entries: m{"192.0.2.0/24": country("DE")}})[0]
	missing := path + ".missing"
	t.Run("no file", func(t *testing.T) { refuses(t, Config{}, "no path") })
	t.Run("a missing file beside a good one", func(t *testing.T) {
		refuses(t, Config{Paths: []string{path, missing}}, missing, "no such file")
	})
	t.Run("a directory", func(t *testing.T) {
		refuses(t, Config{Paths: []string{filepath.Dir(path)}}, filepath.Dir(path), "not a regular file")
	})
	t.Run("a file named twice", func(t *testing.T) {
		refuses(t, Config{Paths: []string{path, filepath.Dir(path) + "/./" + filepath.Base(path)}}, "twice")
	})
	t.Run("a negative size", func(t *testing.T) {
		refuses(t, Config{Paths: []string{path}, MaxBytes: -1}, "negative")
	})
}

// refuses checks that New fails with an error that has all of want in it.
func refuses(t *testing.T, cfg Config, want ...string) {
	t.Helper()
	_, err := New(cfg)
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error is %q; want %q in it", err, w)
		}
	}
	if strings.Count(err.Error(), ".mmdb") > 1 {
		t.Errorf("the error is %q; the path is in it more than once", err)
	}
}

// A search tree may be so twisted that it has more leaves than anybody can
// count: each node leads on to the next one, twice.
func TestATwistedTreeIsNotWalkedToItsEnd(t *testing.T) {
	for _, row := range []struct {
		name   string
		levels int
		leaf   ref
		taken  bool
	}{
		{"with leaves that are known", 127, leaf(0), true},
		{"with leaves that are empty", 127, 0, false},
		{"with leaves that are all the IPv4 addresses", 97, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var twist tree
			for i := range row.levels {
				to := ref(i + 1)
				if i == row.levels-1 {
					to = row.leaf
				}
				twist.nodes = append(twist.nodes, node{to, to})
			}
			db := mmdb{twist: &twist, entries: m{"192.0.2.0/24": country("DE")}}
			if _, err := open(db.bytes()); (err == nil) != row.taken || err != nil && !errors.Is(err, errNoPlaces) {
				t.Errorf("taken: %v, because of %v", err == nil, err)
			}
		})
	}
}

func TestLocateTakesNoMemory(t *testing.T) {
	d := newDB(t, mmdb{entries: m{"192.0.2.0/24": city("DE")}}, mmdb{entries: m{"192.0.2.0/24": asn(64496)}})
	flat := newDB(t, mmdb{entries: m{"192.0.2.0/24": m{"country": "DE", "asn": "AS64496"}}})
	for name, ip := range map[string]string{"known": "192.0.2.1", "unknown": "198.51.100.1", "IPv6": "2001:db8::1"} {
		addr := netip.MustParseAddr(ip)
		if n := testing.AllocsPerRun(1000, func() { d.Locate(addr) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if ip == "192.0.2.1" {
			if n := testing.AllocsPerRun(1000, func() { flat.Locate(addr) }); n != 0 {
				t.Errorf("%s, flat: %v allocations", name, n)
			}
		}
	}
}

// BenchmarkLocate finds addresses in databases of 65,536 networks with records
// as long as the real ones'. The yardstick is the library's search alone.
func BenchmarkLocate(b *testing.B) {
	many := func(record func(i int) m) mmdb {
		db := mmdb{bits: 28, entries: m{}}
		for i := range 1 << 16 {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 8), byte(i), 2}), 24)
			db.entries[p.String()] = record(i)
		}
		return db
	}
	code := func(i int) string { return string([]byte{'A' + byte(i%26), 'A' + byte(i/26%10)}) }
	files := map[string]mmdb{
		"country": many(func(i int) m { return country(code(i)) }),
		"city":    many(func(i int) m { return city(code(i)) }),
		"asn":     many(func(i int) m { return asn(uint32(64496 + i)) }),
	}
	var ips [1 << 16]netip.Addr
	for i := range ips {
		j := i * 40503 // in no order that a cache could foresee
		ips[i] = netip.AddrFrom4([4]byte{byte(j >> 8), byte(j), 2, 1})
	}
	for _, use := range [][]string{{"country"}, {"city"}, {"asn"}, {"country", "asn"}, {"city", "asn"}} {
		var all []mmdb
		for _, name := range use {
			all = append(all, files[name])
		}
		d := newDB(b, all...)
		var readers []*maxminddb.Reader
		for _, db := range *d.cur.Load() {
			readers = append(readers, db.reader)
		}
		search := func(ip netip.Addr) bool {
			found := true
			for _, r := range readers {
				found = r.Lookup(ip).Found() && found
			}
			return found
		}
		locate := func(ip netip.Addr) bool {
			country, as := d.Locate(ip)
			return country != "" || as != 0
		}
		name := strings.Join(use, "+")
		b.Run(name+"/search", func(b *testing.B) { ask(b, ips[:], search) })
		b.Run(name+"/tocsin", func(b *testing.B) { ask(b, ips[:], locate) })
		b.Run(name+"/hot/search", func(b *testing.B) { ask(b, ips[:16], search) })
		b.Run(name+"/hot/tocsin", func(b *testing.B) { ask(b, ips[:16], locate) })
	}
}

// ask asks for ips in turn; their number is a power of two.
func ask(b *testing.B, ips []netip.Addr, find func(netip.Addr) bool) {
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if !find(ips[i&(len(ips)-1)]) {
			b.Fatal("not found")
		}
		i++
	}
}

// FuzzDamage changes a few bytes of good databases: whatever becomes of them,
// New and Locate neither panic nor hang, and a country has two letters.
func FuzzDamage(f *testing.F) {
	sound := [][]byte{
		mmdb{entries: m{"192.0.2.0/24": city("DE"), "2001:db8::/32": city("FR"), "198.51.100.0/24": city("SE")}}.bytes(),
		mmdb{bits: 28, entries: m{"192.0.2.0/24": asn(64496), "2001:db8::/32": asn(64497), "198.51.100.0/24": asn(64498)}}.bytes(),
		mmdb{bits: 32, v4: true, entries: m{"192.0.2.0/24": m{"country": "DE", "asn": "AS64496"}}}.bytes(),
	}
	f.Add(byte(0), uint16(0), []byte(nil), false)
	f.Add(byte(1), uint16(100), []byte{0xff, 0xff, 0xff}, false)
	f.Add(byte(2), uint16(300), []byte{0x20, 0x01}, true)
	f.Fuzz(func(t *testing.T, which byte, at uint16, over []byte, cut bool) {
		raw := []byte(string(sound[int(which)%len(sound)]))
		from := int(at) % len(raw)
		copy(raw[from:], over)
		if cut {
			raw = append(raw[:from:from], raw[min(from+len(over), len(raw)):]...)
		}
		db, err := open(raw)
		if err != nil {
			return
		}
		var d DB
		d.cur.Store(&[]*database{db})
		for _, s := range []string{"192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "::", "ffff::"} {
			country, _ := d.Locate(netip.MustParseAddr(s))
			if country != "" && firstCountry(country) != country {
				t.Errorf("%s is in %q", s, country)
			}
		}
	})
}
