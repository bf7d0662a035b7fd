package lists

import (
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/lookup"
)

// parseAll returns the entries of text as strings.
func parseAll(t testing.TB, p parser, text string) ([]string, Stats) {
	t.Helper()
	if p.maxLines == 0 {
		p.maxLines = 2_000_000
	}
	var got []string
	s, err := p.parse(strings.NewReader(text), func(e netip.Prefix) { got = append(got, e.String()) })
	if err != nil {
		t.Fatalf("parse(%.80q): %v", text, err)
	}
	return got, s
}

func TestLinesThatAreEntries(t *testing.T) {
	for _, row := range []struct{ name, line, want string }{
		{"an IPv4 address", "192.0.2.1", "192.0.2.1/32"},
		{"an IPv6 address", "2001:db8::1", "2001:db8::1/128"},
		{"an IPv4 range", "198.51.100.0/24", "198.51.100.0/24"},
		{"an IPv6 range", "2001:db8::/32", "2001:db8::/32"},
		{"host bits are cleared", "198.51.100.77/24", "198.51.100.0/24"},
		{"an IPv4 address mapped into IPv6 is an IPv4 one", "::ffff:192.0.2.1", "192.0.2.1/32"},
		{"an IPv4 range mapped into IPv6 is an IPv4 one", "::ffff:198.51.100.0/120", "198.51.100.0/24"},
		{"a translated IPv4 range is an IPv4 one", "64:ff9b::198.51.100.0/120", "198.51.100.0/24"},
		{"blanks around it", " \t192.0.2.1\t ", "192.0.2.1/32"},
		{"a carriage return behind it", "192.0.2.1\r", "192.0.2.1/32"},
		{"a comment behind it", "192.0.2.1 # seen twice", "192.0.2.1/32"},
		{"a comment close behind it", "192.0.2.1#seen twice", "192.0.2.1/32"},
		{"Spamhaus DROP", "203.0.113.0/24 ; SBL123456", "203.0.113.0/24"},
		{"a number of sightings behind it", "192.0.2.1\t8", "192.0.2.1/32"},
		{"addresses in a comment", "192.0.2.1 # not 192.0.2.2", "192.0.2.1/32"},
		{"Spamhaus DROP as JSON", `{"cidr":"203.0.113.0/24","sblid":"SBL123456","rir":"ripencc"}`, "203.0.113.0/24"},
		{"an address with a port", "192.0.2.1:443", "192.0.2.1/32"},
		{"brackets", "[2001:db8::1]", "2001:db8::1/128"},
		{"brackets and a port", "[2001:db8::1]:443", "2001:db8::1/128"},
		{"a range in brackets", "[2001:db8::/32]", "2001:db8::/32"},
		{"a netmask", "198.51.100.0/255.255.255.0", "198.51.100.0/24"},
		{"a netmask behind a blank", "198.51.100.0 255.255.255.0", "198.51.100.0/24"},
		{"a netmask behind blanks, and a remark", "198.51.100.7 \t 255.255.255.0 seen", "198.51.100.0/24"},
		{"a range by its ends", "198.51.100.0-198.51.100.255", "198.51.100.0/24"},
		{"a range by its ends, with blanks and a remark", "198.51.100.0 - 198.51.100.255\t12", "198.51.100.0/24"},
		{"an IPv6 range by its ends", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32"},
		{"a range of one", "192.0.2.1-192.0.2.1", "192.0.2.1/32"},
		{"a remark behind a dash", "192.0.2.1 - a scanner", "192.0.2.1/32"},
		{"a comma behind it", "192.0.2.1,", "192.0.2.1/32"},
		{"CSV with the address first", "192.0.2.1,443,2026-11-29 10:11:12,bot", "192.0.2.1/32"},
		{"a remark with a comma", "192.0.2.1 by night, mostly", "192.0.2.1/32"},
		{"JSON with an ip", `{"ip":"192.0.2.1"}`, "192.0.2.1/32"},
		{"JSON with an address", `{"address":"192.0.2.1"}`, "192.0.2.1/32"},
		{"JSON with a prefix", `{"prefix":"198.51.100.0/24"}`, "198.51.100.0/24"},
		{"a JSON array of strings", `["192.0.2.1"]`, "192.0.2.1/32"},
		{"a JSON array of objects", ` [ {"ip": "192.0.2.1", "seen": 3} ] `, "192.0.2.1/32"},
		{"a JSON array of ranges by their ends", `["198.51.100.0-198.51.100.255"]`, "198.51.100.0/24"},
		{"the widest IPv4 range believed", "20.0.0.0/8", "20.0.0.0/8"},
		{"the widest IPv6 range believed", "2001::/16", "2001::/16"},
		{"all ranges for documentation, 1", "192.0.2.0/24", "192.0.2.0/24"},
		{"all ranges for documentation, 2", "203.0.113.0/24", "203.0.113.0/24"},
		{"all ranges for documentation, 3", "3fff::/20", "3fff::/20"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, s := parseAll(t, parser{}, row.line)
			if !slices.Equal(got, []string{row.want}) || s.Skipped != 0 {
				t.Errorf("%q gives %q, %v; want %s", row.line, got, s.Bad, row.want)
			}
		})
	}
}

func TestLinesWithNothingToSay(t *testing.T) {
	for _, row := range []struct{ name, line string }{
		{"an empty line", ""},
		{"blanks", " \t \r"},
		{"a comment", "# 192.0.2.1"},
		{"a comment of the other kind", "; 192.0.2.1"},
		{"a comment behind blanks", "  # 192.0.2.1"},
		{"the end of Spamhaus's JSON", `{"type":"metadata","timestamp":1,"records":2,"terms":"x"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, s := parseAll(t, parser{}, row.line)
			if len(got) != 0 || s.Skipped != 0 {
				t.Errorf("%q gives %q, %v; want nothing", row.line, got, s.Bad)
			}
		})
	}
}

func TestLinesThatAreBad(t *testing.T) {
	for _, row := range []struct{ name, line, want string }{
		{"a name", "example.com", "not an IP address"},
		{"a number too high", "192.0.2.256", "not an IP address"},
		{"a prefix too long", "192.0.2.0/33", "not an IP address"},
		{"a zone", "2001:db8::1%eth0", "not an IP address"},
		{"a port too high", "192.0.2.1:65536", "not an IP address"},
		{"a port of a range", "192.0.2.0/24:80", "not an IP address"},
		{"a bracket that is left open", "[2001:db8::1", "not an IP address"},
		{"leading zeros, which some read as octal", "192.0.02.010", "not an IP address"},
		{"a column before the address", "ban,192.0.2.1", "not an IP address"},
		{"a second column that is broken", "192.0.2.1,192.0.2.300", "not an IP address"},
		{"a second column that is private", "192.0.2.1, 10.0.0.1", "private"},
		{"a range that ends before it begins", "192.0.2.9-192.0.2.1", "the lower one first"},
		{"a range from one family to the other", "192.0.2.9-2001:db8::1", "one family"},
		{"a range between ranges", "192.0.2.0/25-192.0.2.128/25", "two addresses"},
		{"a range that ends nowhere", "192.0.2.1 - 192.0.2.300", "two addresses"},
		{"a range that is cut short", "192.0.2.1-", "not an IP address"},
		{"a range and an address", "192.0.2.1-192.0.2.9 192.0.2.77", "more than one address"},
		{"a range with private addresses in it", "9.0.0.0-11.0.0.0", "private"},
		{"a range over everything", "0.0.0.0-255.255.255.255", "covers every address"},
		{"a netmask with a hole", "192.0.2.0/255.0.255.0", "netmask"},
		{"a netmask with a hole, behind a blank", "192.0.2.0 255.0.255.0", "more than one address"},
		{"a netmask of everything", "192.0.2.0/0.0.0.0", "covers every address"},
		{"a netmask and an address", "192.0.2.0 255.255.255.0 192.0.2.1", "more than one address"},
		{"a netmask of IPv6", "2001:db8::/255.255.0.0", "netmask"},
		{"two addresses", "192.0.2.1 192.0.2.2", "more than one address"},
		{"all of IPv4", "0.0.0.0/0", "covers every address"},
		{"all of IPv4 by any name", "192.0.2.1/0", "covers every address"},
		{"all of IPv6", "::/0", "covers every address"},
		{"all of IPv4, mapped into IPv6", "::ffff:0.0.0.0/96", "covers every address"},
		{"more than IPv4, mapped into IPv6", "::ffff:0.0.0.0/90", "IPv4-mapped"},
		{"a /24 cut short", "64.0.113.0/2", "overlaps 100.64.0.0/10"},
		{"a /32 cut short", "64.0.113.0/3", "covers more than"},
		{"an IPv6 /32 cut short", "2001:db8::/3", "covers more than"},
		{"an IPv6 /128 cut short", "2001:db8::/12", "covers more than"},
		{"a private range", "10.1.0.0/16", "overlaps 10.0.0.0/8 (private)"},
		{"a private address", "192.168.1.1", "private"},
		{"a range with a private one in it", "172.0.0.0/8", "overlaps 172.16.0.0/12 (private)"},
		{"loopback", "127.0.0.2", "loopback"},
		{"loopback, mapped into IPv6", "::ffff:127.0.0.1", "loopback"},
		{"IPv6 loopback", "::1", "loopback"},
		{"FireHOL level 1's tail", "224.0.0.0/3", "multicast"},
		{"broadcast", "255.255.255.255", "reserved"},
		{"this network", "0.1.2.3", "this network"},
		{"carrier-grade NAT", "100.127.255.255", "carrier-grade NAT"},
		{"IPv4 link-local", "169.254.1.1", "link-local"},
		{"another private address", "172.31.255.255", "private"},
		{"protocol assignments", "192.0.0.8", "protocol assignments"},
		{"benchmarking", "198.19.0.1", "benchmarking"},
		{"IPv6 discard", "100::1", "discard"},
		{"site-local", "fec0::1", "site-local"},
		{"link-local", "fe80::1", "link-local"},
		{"unique local", "fd00::/8", "unique local"},
		{"IPv6 multicast", "ff02::1", "multicast"},
		{"all of translated IPv4", "64:ff9b::/96", "translated"},
		{"translated IPv4 that is private", "64:ff9b::10.0.0.1", "translated"},
		{"markup", "<br>", "markup"},
		{"JSON that is cut short", `{"cidr":"203.0.113.0/2`, "JSON"},
		{"JSON of another list", `{"asn":64496,"rir":"ripencc"}`, "has no ip"},
		{"JSON with a number for a range", `{"cidr":24}`, "has no ip"},
		{"JSON with an empty range", `{"cidr":" "}`, "has no ip"},
		{"JSON with an address and how many bits count", `{"ip":"192.0.2.0","prefix":24}`, "more than one of ip"},
		{"JSON with a private range", `{"cidr":"10.0.0.0/8"}`, "private"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, s := parseAll(t, parser{}, "192.0.2.9\n"+row.line+"\n192.0.2.10")
			if want := []string{"192.0.2.9/32", "192.0.2.10/32"}; !slices.Equal(got, want) {
				t.Errorf("with %q the list gives %q; want %q", row.line, got, want)
			}
			if s.Lines != 3 || s.Entries != 2 || s.Skipped != 1 || len(s.Bad) != 1 {
				t.Fatalf("stats %+v", s)
			}
			if bad := s.Bad[0].String(); !strings.HasPrefix(bad, "line 2: ") || !strings.Contains(bad, row.want) {
				t.Errorf("reported as %q; want line 2, %q", bad, row.want)
			}
		})
	}
}

func TestPrivateLetsReservedRangesIn(t *testing.T) {
	text := "10.1.0.0/16\n127.0.0.2\n224.0.0.0/3\nfd00::/8\n::1\n::/0\n0.0.0.0/0\n96.0.0.0/3\n"
	want := []string{"10.1.0.0/16", "127.0.0.2/32", "224.0.0.0/3", "fd00::/8", "::1/128"}
	got, s := parseAll(t, parser{private: true}, text)
	if !slices.Equal(got, want) || s.Skipped != 3 {
		t.Errorf("got %q, %v; want %q and three bad lines", got, s.Bad, want)
	}
}

func TestAByteOrderMarkIsNoPartOfTheFirstLine(t *testing.T) {
	got, s := parseAll(t, parser{}, "\uFEFF192.0.2.1\r\n\uFEFF192.0.2.2\r\n")
	if !slices.Equal(got, []string{"192.0.2.1/32"}) || s.Skipped != 1 {
		t.Errorf("got %q, %v", got, s.Bad)
	}
}

func TestFireHOLNetsetLosesItsReservedRanges(t *testing.T) {
	netset := "#\n# firehol_level1\n#\n# Maintainer      : somebody\n# Entries         : 5 subnets\n#\n" +
		"0.0.0.0/8\n10.0.0.0/8\n198.51.100.0/24\n203.0.113.64/26\n224.0.0.0/3\n"
	got, s := parseAll(t, parser{}, netset)
	if want := []string{"198.51.100.0/24", "203.0.113.64/26"}; !slices.Equal(got, want) || s.Skipped != 3 {
		t.Errorf("got %q, %v; want %q", got, s.Bad, want)
	}
}

func TestOnlyTheFirstBadLinesAreKept(t *testing.T) {
	_, s := parseAll(t, parser{}, strings.Repeat("bad\n", 1000))
	if s.Skipped != 1000 || len(s.Bad) != 5 || s.Bad[5-1].Number != 5 {
		t.Errorf("stats %+v", s)
	}
}

func TestALongLineIsBadAndKeptNowhere(t *testing.T) {
	text := func() io.Reader {
		return io.MultiReader(strings.NewReader("192.0.2.1\n"), io.LimitReader(zeros{}, 64<<20), strings.NewReader("\n192.0.2.2"))
	}
	n := 0
	p := parser{maxLines: 10}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := p.parse(text(), func(netip.Prefix) { n++ })
	runtime.ReadMemStats(&after)
	if err != nil || n != 2 || s.Skipped != 1 || s.Bad[0].Number != 2 || !errors.Is(s.Bad[0].Err, errLongLine) {
		t.Errorf("%d entries, %+v, %v", n, s, err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes allocated for a line of 64 MiB", got)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

func TestWhatBeginsWithMarkupIsNoList(t *testing.T) {
	for _, row := range []struct{ name, text string }{
		{"at once", "<!DOCTYPE html>\n192.0.2.1\n"},
		{"behind blanks, comments and a byte order mark", "\uFEFF\n# x\n \t<html>\n192.0.2.1\n"},
		{"XML", "<?xml version=\"1.0\"?>\n<Error>\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := parser{maxLines: 10}
			_, err := p.parse(strings.NewReader(row.text), func(e netip.Prefix) { t.Errorf("took %s", e) })
			if !errors.Is(err, errMarkup) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTooManyLinesAreAnError(t *testing.T) {
	p := parser{maxLines: 3}
	if _, err := p.parse(strings.NewReader("#\n#\n#\n"), nil); err != nil {
		t.Errorf("three lines: %v", err)
	}
	if _, err := p.parse(strings.NewReader("#\n#\n#\n#"), nil); !errors.Is(err, errManyLines) {
		t.Errorf("four lines: %v", err)
	}
}

func TestAReadErrorNamesTheLine(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("#\n#\n192.0"), errorReader{io.ErrUnexpectedEOF})
	_, err := parser{maxLines: 9}.parse(broken, func(p netip.Prefix) { t.Errorf("took %s from half a line", p) })
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("got %v", err)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestTheExampleIsAGoodList(t *testing.T) {
	text, err := os.ReadFile("../examples/blocklist.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, s := parseAll(t, parser{}, string(text))
	if len(got) < 4 || s.Skipped != 0 {
		t.Fatalf("entries %q, bad lines %v", got, s.Bad)
	}
	for _, e := range got {
		if !documentation(netip.MustParsePrefix(e)) {
			t.Errorf("%s could be somebody's", e)
		}
	}
}

// documentation reports whether p lies in a range for documentation.
func documentation(p netip.Prefix) bool {
	for _, r := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"} {
		if r := netip.MustParsePrefix(r); r.Overlaps(p) && r.Bits() <= p.Bits() {
			return true
		}
	}
	return false
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"192.0.2.1\n2001:db8::/32 # x\n; y\n10.0.0.0/8\n0.0.0.0/0\n",
		"\uFEFF203.0.113.0/24 ; SBL1\r\n\r\n192.0.2.1\t8\n192.0.2.1 - 192.0.2.2",
		`{"cidr":"203.0.113.0/24","sblid":"SBL1"}` + "\n" + `{"type":"metadata"}` + "\n{",
		"::ffff:10.0.0.1\n::ffff:0.0.0.0/90\nfe80::1%eth0\n224.0.0.0/3\n",
		"# x\n\n<html>\n192.0.2.1\n",
		"192.0.2.1\n<html>\n",
		"#\n,,,,\n<", ",#\n<",
		"192.0.2.1-192.0.2.9\n2001:db8:: - 2001:db8::ff seen\n192.0.2.9-192.0.2.1\n9.0.0.0-11.0.0.0\n::-ffff::\n",
		"192.0.2.0 255.255.255.0 x\n192.0.2.0/255.255.255.128\n192.0.2.0/255.0.255.0\n192.0.2.1 0.0.0.0\n",
		"[2001:db8::1]:80\n[2001:db8::1]\n192.0.2.1:80\n[192.0.2.1]\n[2001:db8::/32]\n",
		"192.0.2.1,192.0.2.2, 10.0.0.1\n192.0.2.1,ban,10:11:12\n,192.0.2.3,\n192.0.2.4,192.0.2.300\n",
		`["192.0.2.1", {"ip":"192.0.2.2"}, {"cidr":"192.0.2.0/24","ip":"x"}, 7, null, ["x"], {"type":"metadata"}]`,
		`[{"address":"2001:db8::1"},{"prefix":"2001:db8::/32"},"192.0.2.1-192.0.2.3",""]` + "\n x", "[\"192.0.2.1\"", "[]", "PK\x03\x04",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, text string, private bool) {
		var got []netip.Prefix
		p := parser{private: private, maxLines: 2_000_000}
		s, err := p.parse(strings.NewReader(text), func(e netip.Prefix) { got = append(got, e) })
		want, good := oracle(text, private)
		if err != nil {
			if good && (!errors.Is(err, errMarkup) || len(got) > 0 || !isMarkup(text)) {
				t.Fatalf("parse: %v", err)
			}
			return
		}
		if !good {
			t.Fatalf("%q is not refused", text)
		}
		if isMarkup(text) {
			t.Errorf("%q is taken for a list", text)
		}
		for _, e := range got {
			if n, ok := lookup.NormalizePrefix(e); !ok || n != e {
				t.Errorf("%v is not normalized", e)
			}
			if e.Bits() == 0 {
				t.Errorf("%v covers every address", e)
			}
			if !private && !public(e) {
				t.Errorf("%v covers an address that is not public", e)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q gives %v; want %v", text, got, want)
		}
		if s.Entries != len(got) || s.Skipped > s.Lines || len(s.Bad) > s.Skipped {
			t.Errorf("stats %+v for %d entries", s, len(got))
		}
	})
}

// isMarkup reports whether the first line of text that says anything, and not only by
// commas and a comment, begins like a tag.
func isMarkup(text string) bool {
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\uFEFF"), "\n") {
		line = strings.Trim(line, " \t\r")
		said := strings.TrimLeft(line, ", \t")
		switch {
		case said == "" || said[0] == '#' || said[0] == ';':
		case line[0] == '{' && isMetadata(line):
		default:
			return line[0] == '<'
		}
	}
	return false
}

func isMetadata(line string) bool {
	var v struct{ CIDR, Type string }
	return json.Unmarshal([]byte(line), &v) == nil && v.CIDR == "" && v.Type == "metadata"
}

// public reports whether both ends of p are, as the standard library sees it.
func public(p netip.Prefix) bool {
	for _, ip := range []netip.Addr{p.Addr(), last(p)} {
		if ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
			return false
		}
	}
	return true
}

// last returns the last address of p.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	ip, _ := netip.AddrFromSlice(b)
	return ip
}
