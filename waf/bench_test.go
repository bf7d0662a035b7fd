package waf

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/internal/wafsuite"
)

// allRules loads CrowdSec's appsec-default.
func allRules(t testing.TB) *Rules {
	t.Helper()
	dir := wafsuite.Dir(t)
	return loadSuite(t, LoadConfig{Paths: []string{filepath.Join(dir, "_hub", "appsec-configs", "crowdsecurity", "appsec-default.yaml")}})
}

// A sample is a request to measure with.
type sample struct {
	name string
	req  Request
	body string
}

// samples are requests as they are every day.
func samples() []sample {
	browser := http.Header{
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, "Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Language": {"en-US,en;q=0.5"}, "Accept-Encoding": {"gzip, deflate, br, zstd"}, "Connection": {"keep-alive"}, "Referer": {"https://www.example.org/blog/"},
		"Cookie": {"session=0123456789abcdef0123456789abcdef; theme=dark"}, "Upgrade-Insecure-Requests": {"1"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}, "Priority": {"u=0, i"},
	}
	get := Request{Method: "GET", Target: "/blog/2026/11/an-ordinary-article?page=2&utm_source=Newsletter", Proto: "HTTP/1.1", Host: "www.example.org", Header: browser}
	post := func(name, contentType, body string) sample {
		header := browser.Clone()
		header.Set("Content-Type", contentType)
		return sample{name, Request{Method: "POST", Target: "/blog/comment", Proto: "HTTP/1.1", Host: "www.example.org", Header: header, HasBody: true}, body}
	}
	var form, values, items strings.Builder
	for i := range 12 {
		fmt.Fprintf(&form, "field_%d=Some+Text+that+people+type%%2C+number+%d.&", i, i)
	}
	for i := range 90 {
		fmt.Fprintf(&values, `,"key%d":"Value %d"`, i, i)
	}
	for items.Len() < 64<<10 {
		fmt.Fprintf(&items, `{"id":%d,"name":"Item %d","price":12.50,"tags":["one","two"]},`, items.Len(), items.Len())
	}
	const boundary = "--own\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n"
	return []sample{
		{"GET", get, ""},
		post("form", formType, form.String()),
		post("JSON", "application/json", "{"+values.String()[1:]+"}"),
		post("form of 64 kB", formType, "text="+strings.Repeat("Some+Text+that+people+type%2C+and+more+of+it.+", 64<<10/46)),
		post("JSON of 64 kB", "application/json", "["+strings.TrimSuffix(items.String(), ",")+"]"),
		post("upload of 64 kB", "multipart/form-data; boundary=own", boundary+strings.Repeat("\x00\xffJFIF data\x10", 64<<10/12)+"\r\n--own--\r\n"),
		post("octets of 64 kB", "application/octet-stream", strings.Repeat("\x00\xffJFIF data\x10", 64<<10/12)),
	}
}

func BenchmarkInspect(b *testing.B) {
	rules := allRules(b)
	for _, s := range samples() {
		b.Run(s.name, func(b *testing.B) {
			body := []byte(s.body)
			b.ReportAllocs()
			for b.Loop() {
				in := rules.Head(&s.req)
				in.Body(body)
				if len(in.Matches()) > 0 {
					b.Fatal(in.Matches())
				}
				in.Close()
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	allRules(b)
	b.ReportAllocs()
	for b.Loop() {
		allRules(b)
	}
}

// An ordinary request leaves no garbage, but for what package mime makes of an upload.
func TestInspectionsAllocateNothing(t *testing.T) {
	rules := languageRules(t)
	for _, s := range samples() {
		if strings.HasPrefix(s.name, "upload") {
			continue
		}
		body := []byte(s.body)
		run := func() {
			in := rules.Head(&s.req)
			in.Body(body)
			in.Close()
		}
		run()
		if n := testing.AllocsPerRun(100, run); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", s.name, n)
		}
	}
}

// An inspector adds a copy of the head to that.
func TestAnInspectorAllocatesLittle(t *testing.T) {
	i, s := inspector(t, Config{Rules: languageRules(t)}), samples()[0]
	r := &http.Request{Method: s.req.Method, RequestURI: s.req.Target, Proto: s.req.Proto, Host: s.req.Host, Header: s.req.Header, Body: http.NoBody}
	run := func() {
		if v, err := i.Inspect(r, inspect.Details{Client: client}); err != nil || v.Status != 0 {
			t.Fatal(v, err)
		}
	}
	run()
	if n := testing.AllocsPerRun(100, run); n > 2 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}
