package replay

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCommonAndCombinedLogs(t *testing.T) {
	const when = "[10/Oct/2026:13:55:36 +0200]"
	for _, row := range []struct {
		name, line string
		want       Entry
	}{
		{
			"common", `192.0.2.7 - - ` + when + ` "GET /a?b=c HTTP/1.1" 404 12`,
			entry("192.0.2.7", "", "GET", "/a?b=c", "HTTP/1.1", 404, 12, "", ""),
		},
		{
			"combined", `192.0.2.7 - anna ` + when + ` "POST / HTTP/2.0" 200 - "https://example.com/" "curl/8"`,
			entry("192.0.2.7", "", "POST", "/", "HTTP/2.0", 200, 0, "https://example.com/", "curl/8"),
		},
		{
			"with a virtual host", `example.com:443 192.0.2.7 - - ` + when + ` "GET / HTTP/1.1" 200 1 "-" "-"`,
			entry("192.0.2.7", "example.com:443", "GET", "/", "HTTP/1.1", 200, 1, "", ""),
		},
		{
			"with one that is an address", `198.51.100.1:80 192.0.2.7 - - ` + when + ` "GET / HTTP/1.1" 200 1 "-" "-"`,
			entry("192.0.2.7", "198.51.100.1:80", "GET", "/", "HTTP/1.1", 200, 1, "", ""),
		},
		{
			"with more behind it", `192.0.2.7 - - ` + when + ` "GET / HTTP/1.1" 200 1 "-" "x" "10.0.0.1" rt=0.1`,
			entry("192.0.2.7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "x"),
		},
		{
			"a user's name that looks like a time", `192.0.2.7 - a [01/Jan/2001:00:00:00 +0000] \"GET ` + when + ` "GET /x HTTP/1.1" 401 0 "-" "x"`,
			entry("192.0.2.7", "", "GET", "/x", "HTTP/1.1", 401, 0, "", "x"),
		},
		{
			"quotes and bytes, by Apache", `192.0.2.7 - - ` + when + ` "GET /\"\\\x1b[31m\xff\tx HTTP/1.1" 200 1 "a\"b" "\x1b]0;x\a"`,
			entry("192.0.2.7", "", "GET", "/\"\\\x1b[31m\xff\tx", "HTTP/1.1", 200, 1, `a"b`, "\x1b]0;x\\a"),
		},
		{
			"quotes and bytes, by nginx", `192.0.2.7 - - ` + when + ` "GET /\x22\x5C HTTP/1.1" 200 1 "-" "\x22"`,
			entry("192.0.2.7", "", "GET", `/"\`, "HTTP/1.1", 200, 1, "", `"`),
		},
		{
			"an invalid escape", `192.0.2.7 - - ` + when + ` "GET /\q\xz1\x HTTP/1.1" 200 1 "-" "\x"`,
			entry("192.0.2.7", "", "GET", `/\q\xz1\x`, "HTTP/1.1", 200, 1, "", `\x`),
		},
		{
			"a space in the target", `192.0.2.7 - - ` + when + ` "GET /a b HTTP/1.1" 400 1`,
			entry("192.0.2.7", "", "GET", "/a b", "HTTP/1.1", 400, 1, "", ""),
		},
		{
			"cut off in the user agent", `192.0.2.7 - - ` + when + ` "GET / HTTP/1.1" 200 1 "-" "Mozilla/5.0 (`,
			entry("192.0.2.7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "Mozilla/5.0 ("),
		},
		{"IPv6", `2001:db8::7 - - ` + when + ` "GET / HTTP/1.1" 200 1`, entry("2001:db8::7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "")},
		{"IPv6 in brackets", `[2001:db8::7] - - ` + when + ` "GET / HTTP/1.1" 200 1`, entry("2001:db8::7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "")},
		{"with a port", `[2001:db8::7]:80 - - ` + when + ` "GET / HTTP/1.1" 200 1`, entry("2001:db8::7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "")},
		{"with a zone", `fe80::1%eth0 - - ` + when + ` "GET / HTTP/1.1" 200 1`, entry("fe80::1", "", "GET", "/", "HTTP/1.1", 200, 1, "", "")},
		{"mapped", `::ffff:192.0.2.7 - - ` + when + ` "GET / HTTP/1.1" 200 1`, entry("192.0.2.7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "")},
		{"IPv4 with a port", `192.0.2.7:4711 - - ` + when + ` "GET / HTTP/1.1" 200 1`, entry("192.0.2.7", "", "GET", "/", "HTTP/1.1", 200, 1, "", "")},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.Time = time.Date(2026, 10, 10, 11, 55, 36, 0, time.UTC)
			same(t, one(t, row.line), &row.want)
		})
	}
}

func TestRequestLinesOfAnotherForm(t *testing.T) {
	for written, want := range map[string]string{
		`\x16\x03\x01`: "\x16\x03\x01", `GET /`: "GET /", `GET`: "GET", `GET / FTP/1.0`: "GET / FTP/1.0", ` / HTTP/1.1`: " / HTTP/1.1",
		`GET HTTP/1.1`: "GET HTTP/1.1", `GET  HTTP/1.1`: "GET  HTTP/1.1",
	} {
		e := one(t, `192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "`+written+`" 400 0 "-" "-"`)
		if e.Event.Line != want || e.Method+e.Target+e.Proto != "" {
			t.Errorf("%q: %q, %q %q %q", written, e.Event.Line, e.Method, e.Target, e.Proto)
		}
	}
}

func TestLinesOfCombinedLogsThatAreSkipped(t *testing.T) {
	for line, want := range map[string]error{
		"nonsense":       errNoLog,
		"# Version: 1.0": errNoLog,
		`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200]`:                           errNoLog,
		`192.0.2.7 - - [31/Feb/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`:    errNoLog,
		`192.0.2.7 - - [10/Oct/1969:13:55:36 +0200] "GET / HTTP/1.1" 200 1`:    errNoLog,
		`host.example - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`: errNoClient,
		`unix: - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1`:        errNoClient,
		`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1`:           errNoStatus,
		`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 20 1`:     errNoStatus,
		`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "-" 408 0 "-" "-"`:         errNoRequest,
		`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "" 400 0 "-" "-"`:          errNoRequest,
	} {
		all, skipped := read(t, line)
		if len(all) != 0 || skipped.Lines != 1 || skipped.Examples[0] != (SkippedLine{"a.log:1", want.Error()}) {
			t.Errorf("%s: %d requests, %+v, want %v", line, len(all), skipped, want)
		}
	}
}

// entry is an Entry of an access log, as far as it is the same in all rows.
func entry(client, host, method, target, proto string, status int, size int64, referer, agent string) Entry {
	var e Entry
	e.Size = size
	e.Client, e.Host, e.Method, e.Target, e.Proto, e.Status = addr(client), host, method, target, proto, status
	e.Referer, e.UserAgent = referer, agent
	return e
}

// same compares what logs tell of requests.
func same(t testing.TB, got, want *Entry) {
	t.Helper()
	if g, w := inFull(got), inFull(want); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func inFull(e *Entry) string {
	return fmt.Sprintf("%s %s from %v to %q: %q %q %q (%q), status %d, %d bytes, referer %q, agent %q, body %q %v",
		e.Time.Format(time.RFC3339Nano), e.end().Sub(e.Time), e.Client, e.Host, e.Method, e.Target, e.Proto, e.Event.Line, e.Status, e.Size,
		e.Referer, e.UserAgent, e.Body, e.Truncated)
}

// escaped writes s as Apache or nginx does.
func escaped(s string, nginx bool) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case nginx && (c == '"' || c == '\\'), c < ' ', c >= 0x7f:
			fmt.Fprintf(&b, `\x%02X`, c)
		case c == '"', c == '\\':
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func FuzzCombinedLine(f *testing.F) {
	f.Add("anna", "GET", "/a b?\"\\", "https://example.com/", "Mozilla/5.0\x1b[31m\xff", 404, int64(1760104536), true)
	f.Add(`] "`, "", "", "-", "", 0, int64(-1), false)
	f.Fuzz(func(t *testing.T, user, method, target, referer, agent string, status int, seconds int64, nginx bool) {
		when := time.Unix(seconds&(1<<33-1), 0).In(time.FixedZone("", int(seconds%50)*900))
		status = 100 + (status&0x7fffffff)%900
		line := fmt.Sprintf(`192.0.2.7 - %s [%s] "%s %s HTTP/1.1" %d 5 "%s" "%s"`, escaped(user, nginx), when.Format(commonLayout),
			escaped(method, nginx), escaped(target, nginx), status, escaped(referer, nginx), escaped(agent, nginx))
		if len(line) >= 65_536 || len(when.Format(commonLayout)) != len(commonLayout) || when.UTC().Unix() < 0 {
			t.Skip()
		}
		got := one(t, line)
		want := entry("192.0.2.7", "", method, target, "HTTP/1.1", status, 5, dash(referer), dash(agent))
		if strings.Contains(method, " ") || method == "" || target == "" {
			want.Method, want.Target, want.Proto, want.Event.Line = "", "", "", method+" "+target+" HTTP/1.1"
			if i := strings.IndexByte(want.Event.Line, ' '); i > 0 && i+1 < strings.LastIndexByte(want.Event.Line, ' ') {
				t.Skip() // it can be taken apart in another way
			}
		}
		want.Time = when.UTC()
		same(t, got, &want)
	})
}

func FuzzAnyLine(f *testing.F) {
	f.Add(`192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 1 "-" "-"`)
	f.Add(caddyLine)
	f.Add(`{"t":0,"m":"GET","u":"/","s":200,"h":{"a":["b"]},"b":"","rh":{},"ip":""}`)
	f.Fuzz(func(t *testing.T, text string) {
		all, skipped := read(t, text)
		lines := 0
		for line := range strings.Lines(text) {
			if len(strings.TrimSpace(line)) > 0 {
				lines++
			}
		}
		if text[:min(2, len(text))] != "\x1f\x8b" && len(all)+skipped.Lines != lines {
			t.Fatalf("%d requests and %d others in %d lines", len(all), skipped.Lines, lines)
		}
		for _, e := range all {
			if !e.Client.IsValid() || e.Client.Zone() != "" || e.Time.Unix() < -700_000 || e.Time.Unix() > 1<<34 || e.Method == "" && e.Event.Line == "" {
				t.Fatalf("%+v", e)
			}
		}
	})
}
