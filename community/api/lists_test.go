package api_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/community"
	"github.com/tocsin-project/tocsin/community/protocol"
	"github.com/tocsin-project/tocsin/consensus"
)

// fill lists something of every kind.
func fill(c *centre) {
	for i, l := range []community.Listing{
		{Unit: prefix("192.0.2.1"), Action: consensus.Ban, Behaviour: "http:bruteforce", Until: c.clock().Add(168 * time.Hour)},
		{Unit: prefix("192.0.2.2"), Action: consensus.Captcha, Behaviour: "http:scan", Until: c.clock().Add(2 * time.Hour)},
		{Unit: prefix("2001:db8::/64"), Action: consensus.Ban, Until: c.clock().Add(24*time.Hour + 30*time.Second)},
		{Unit: prefix("192.0.2.3"), Action: consensus.Captcha, List: consensus.TorList, Behaviour: "http:scan", Until: c.clock().Add(12 * time.Hour)},
		{Unit: prefix("192.0.2.4"), Action: consensus.Ban, List: consensus.ScannerList, Behaviour: "http:scan", Until: c.clock().Add(12 * time.Hour)},
		{Unit: prefix("192.0.2.5"), Action: consensus.Ban, Behaviour: "ssh:bruteforce", Until: c.clock().Add(time.Hour)},
	} {
		l.Surety = consensus.Micro(10-i) * consensus.One
		c.putListing(l)
	}
}

func TestTextLists(t *testing.T) {
	d := open(t)
	fill(d.centre)
	for _, row := range []struct{ target, want string }{
		{"/lists/ban.txt", "192.0.2.1\n2001:db8::/64\n192.0.2.5\n"},
		{"/lists/ban.txt?limit=2", "192.0.2.1\n2001:db8::/64\n"},
		{"/lists/ban.txt?limit=0", ""},
		{"/lists/ban.txt?limit=100", "192.0.2.1\n2001:db8::/64\n192.0.2.5\n"},
		{"/lists/captcha.txt", "192.0.2.2\n"},
		{"/lists/tor.txt", "192.0.2.3\n"},
		{"/lists/scanners.txt", "192.0.2.4\n"},
		{"/lists/behaviour/ssh:bruteforce.txt", "192.0.2.5\n"},
		{"/lists/behaviour/http:scan.txt", ""}, // nothing of it is banned
		{"/lists/behaviour/no:such.txt", ""},
		{"/lists/ban.txt?format=ipset", "add tocsin4 192.0.2.1 timeout 604770\nadd tocsin6 2001:db8::/64 timeout 86400\nadd tocsin4 192.0.2.5 timeout 3570\n"},
		{"/lists/ban.txt?format=nft&limit=2", "add element inet tocsin ban4 { 192.0.2.1 timeout 604770s }\nadd element inet tocsin ban6 { 2001:db8::/64 timeout 86400s }\n"},
		{"/lists/ban.txt?format=mikrotik&limit=2", ":do { /ip firewall address-list add list=tocsin address=192.0.2.1 timeout=604770s } on-error={}\n" +
			":do { /ipv6 firewall address-list add list=tocsin address=2001:db8::/64 timeout=86400s } on-error={}\n"},
	} {
		w := d.get(row.target, key("reader-key"))
		equal(t, row.target, d.body(w), row.want)
		equal(t, row.target, w.Header().Get("Content-Type"), "text/plain; charset=utf-8")
	}
	equal(t, "what is noted of the reader", d.centre.cursors["text ban reader"], 6)
	for _, target := range []string{
		"/lists/ban.txt?limit=-1", "/lists/ban.txt?limit=x", "/lists/ban.txt?limit=", "/lists/ban.txt?format=xml",
	} {
		status(t, target, d.get(target, key("reader-key")), 400)
	}
	for _, target := range []string{"/lists/behaviour/http:scan", "/lists/behaviour/%3Cscript%3E.txt", "/lists/behaviour/" + strings.Repeat("x", 65) + ".txt"} {
		status(t, target, d.get(target, key("reader-key")), 404)
	}
}

func TestConditionalRequests(t *testing.T) {
	d := open(t)
	fill(d.centre)
	const target = "/lists/captcha.txt"
	k := key("reader-key")
	first := d.get(target, k)
	tag, modified := first.Header().Get("ETag"), first.Header().Get("Last-Modified")
	if tag == "" || modified != "Mon, 30 Nov 2026 10:00:00 GMT" {
		t.Fatalf("ETag %q, Last-Modified %q", tag, modified)
	}
	same := func(what string, want int) {
		t.Helper()
		equal(t, what+": by ETag", d.get(target, k, header{"If-None-Match", tag}).Code, want)
		equal(t, what+": by time", d.get(target, k, header{"If-Modified-Since", modified}).Code, want)
	}
	same("at once", 304)
	d.centre.pass(time.Minute)
	d.centre.put("192.0.2.99", consensus.Ban, time.Hour)
	d.centre.pass(time.Minute)
	same("when another list has changed", 304)
	d.centre.pass(500 * time.Millisecond)
	d.centre.put("192.0.2.98", consensus.Captcha, time.Hour)
	d.centre.pass(time.Second)
	same("when it has changed", 200)
	w := d.get(target, k)
	equal(t, "Last-Modified", w.Header().Get("Last-Modified"), "Mon, 30 Nov 2026 10:02:02 GMT") // not before it changed
	if w.Header().Get("ETag") == tag {
		t.Error("another text has the same ETag")
	}
	limited := d.get(target+"?limit=1", k)
	if limited.Header().Get("ETag") == w.Header().Get("ETag") {
		t.Error("a part of the text has the same ETag")
	}
	equal(t, "HEAD", d.do("HEAD", target, "", k).Body.Len(), 0)
	part := d.get(target, k, header{"Range", "bytes=0-8"})
	equal(t, "a part", fmt.Sprint(part.Code, part.Body), "206 192.0.2.2")
}

func TestCompression(t *testing.T) {
	d := open(t)
	fill(d.centre)
	token := bearer(d.token("member"))
	zip := func(v string) header { return header{"Accept-Encoding", v} }
	for _, target := range []string{"/lists/ban.txt", "/lists/ban.txt?limit=2", "/api/v1/list", "/v3/decisions/stream?startup=true", "/v2/decisions/stream?startup=true"} {
		plain := d.get(target, token)
		packed := d.get(target, token, zip("deflate, gzip;q=0.5"))
		equal(t, target, packed.Header().Get("Content-Encoding"), "gzip")
		equal(t, target, unzip(t, packed), d.body(plain))
		equal(t, target, packed.Header().Get("Vary"), "Accept-Encoding")
		if tag := plain.Header().Get("ETag"); tag != "" && tag == packed.Header().Get("ETag") {
			t.Errorf("%s has the same ETag packed and plain", target)
		}
		for _, no := range []string{"", "br", "gzip;q=0", "gzip; q=0.0", "xgzip"} {
			equal(t, target+" for "+no, d.get(target, token, zip(no)).Header().Get("Content-Encoding"), "")
		}
	}
	w := d.get("/v1/decisions/stream?startup=true", key("member-key"), zip("gzip"))
	equal(t, "the Local API", w.Header().Get("Content-Encoding"), "") // some bouncers cannot read it
	for _, yes := range []string{"gzip", "*", "br;q=1.0, *;q=0.5", "GZIP"} {
		equal(t, yes, d.get("/lists/ban.txt", token, zip(yes)).Header().Get("Content-Encoding"), "gzip")
	}
}

func unzip(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNativeList(t *testing.T) {
	d := open(t)
	get := func(query string) protocol.List {
		t.Helper()
		var l protocol.List
		read(t, d.body(d.get("/api/v1/list"+query, key("member-key"))), &l)
		return l
	}
	equal(t, "an empty list", d.body(d.get("/api/v1/list", key("member-key"))),
		`{"seq":0,"full":true,"items":[],"name":"example","explain":"https://blocklist.example.org/?address={address}"}`)
	fill(d.centre)
	d.centre.pass(time.Second)
	equal(t, "the whole list", d.body(d.get("/api/v1/list", key("member-key"))), `{"seq":6,"full":true,"items":[`+
		`{"prefix":"192.0.2.1/32","action":"ban","until":"2026-12-07T10:00:00Z","behaviour":"http:bruteforce"},`+
		`{"prefix":"192.0.2.2/32","action":"captcha","until":"2026-11-30T12:00:00Z","behaviour":"http:scan"},`+
		`{"prefix":"2001:db8::/64","action":"ban","until":"2026-12-01T10:00:30Z"},`+
		`{"prefix":"192.0.2.3/32","action":"captcha","until":"2026-11-30T22:00:00Z","behaviour":"http:scan","list":"tor"},`+
		`{"prefix":"192.0.2.4/32","action":"ban","until":"2026-11-30T22:00:00Z","behaviour":"http:scan","list":"scanners"},`+
		`{"prefix":"192.0.2.5/32","action":"ban","until":"2026-11-30T11:00:00Z","behaviour":"ssh:bruteforce"}],`+
		`"name":"example","explain":"https://blocklist.example.org/?address={address}"}`)
	if l := get("?after=6"); l.Full || len(l.Items) != 0 || l.Seq != 6 {
		t.Errorf("nothing new: %+v", l)
	}
	equal(t, "the cursor", d.centre.cursors["native member"], 6)

	d.centre.put("192.0.2.1", consensus.Allow, 0)
	d.centre.put("192.0.2.9", consensus.Captcha, time.Hour)
	d.centre.put("192.0.2.9", consensus.Ban, time.Hour)
	l := get("?after=6")
	if l.Full || l.Seq != 9 || len(l.Items) != 2 ||
		l.Items[0].Prefix != "192.0.2.1/32" || l.Items[0].Action != "none" || l.Items[1].Prefix != "192.0.2.9/32" || l.Items[1].Action != "ban" {
		t.Errorf("what changed: %+v", l)
	}
	d.centre.pass(time.Second) // an encoding is used for so long
	for _, query := range []string{"?after=99", "?after=0"} {
		if query == "?after=0" {
			d.centre.purged = 1
		}
		if l := get(query); !l.Full || len(l.Items) != 6 || l.Seq != 9 {
			t.Errorf("%s: want the whole list: %+v", query, l)
		}
	}
	for _, query := range []string{"?after=-1", "?after=x", "?after="} {
		status(t, query, d.get("/api/v1/list"+query, key("member-key")), 400)
	}
}

// A reader that missed very much gets the whole list instead of a delta without end.
func TestManyChangesAreTheWholeList(t *testing.T) {
	d := open(t)
	l := community.Listing{Action: consensus.Ban, Until: start.Add(time.Hour)}
	for i := range 60_000 {
		l.Unit = netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 32)
		d.centre.putListing(l)
	}
	for after, full := range map[string]bool{"0": true, "50000": false} {
		var got protocol.List
		read(t, d.body(d.get("/api/v1/list?after="+after, key("member-key"))), &got)
		if got.Full != full || got.Seq != 60_000 {
			t.Errorf("after %s: full %v up to %d", after, got.Full, got.Seq)
		}
	}
}

// The captcha list of engines has a link that works without credentials, for that list only
// and for some hours.
func TestLinkOfEngines(t *testing.T) {
	d := open(t)
	fill(d.centre)
	var in struct {
		Links struct {
			Blocklists []struct{ Name, URL, Remediation, Scope, Duration string }
		}
	}
	read(t, d.body(d.get("/v3/decisions/stream?startup=true", bearer(d.token("member")))), &in)
	if len(in.Links.Blocklists) != 1 {
		t.Fatalf("links: %+v", in)
	}
	l := in.Links.Blocklists[0]
	equal(t, "the list", l.Name+" "+l.Remediation+" "+l.Scope+" "+l.Duration, "example-captcha captcha ip 3h")
	target, ok := strings.CutPrefix(l.URL, site)
	if !ok {
		t.Fatalf("the link leads to %s", l.URL)
	}
	equal(t, "through the link", d.body(d.get(target)), "192.0.2.2\n")
	u, _ := url.Parse(target)
	q := u.Query()
	for name, other := range map[string]string{
		"of another list":   "/lists/ban.txt?" + u.RawQuery,
		"of the whole list": "/api/v1/list?" + u.RawQuery,
		"with a later end":  u.Path + "?until=1999999999&sign=" + q.Get("sign"),
		"without an end":    u.Path + "?sign=" + q.Get("sign"),
		"without a sign":    u.Path + "?until=" + q.Get("until") + "&sign=",
	} {
		status(t, name, d.get(other), 403)
	}
	d.centre.pass(time.Hour)
	status(t, "an hour later", d.get(target), 200)
	d.centre.pass(time.Hour)
	status(t, "two hours later", d.get(target), 403)
}
