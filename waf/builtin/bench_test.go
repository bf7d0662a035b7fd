package builtin

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tocsin-project/tocsin/waf"
)

// samples are requests as they are every day.
func samples() []sent {
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
	post := func(contentType, body string) sent {
		s := sent{"POST", "/blog/comment", browser(), body}
		s.header.Set("Content-Type", contentType)
		return s
	}
	return []sent{
		{"GET", "/blog/2026/11/an-ordinary-article?page=2&utm_source=Newsletter", browser(), ""},
		post("application/x-www-form-urlencoded", form.String()),
		post("application/json", "{"+values.String()[1:]+"}"),
		post("application/x-www-form-urlencoded", "text="+strings.Repeat("Some+Text+that+people+type%2C+and+more+of+it.+", 64<<10/46)),
		post("application/json", "["+strings.TrimSuffix(items.String(), ",")+"]"),
		post("application/octet-stream", strings.Repeat("\x00\xffJFIF data\x10", 64<<10/12)),
	}
}

var sampleNames = []string{"GET", "form", "JSON", "form of 64 kB", "JSON of 64 kB", "octets of 64 kB"}

func hubPath(t testing.TB) string {
	return filepath.Join(dirOf(t, "TOCSIN_WAF_SUITE"), "_hub", "appsec-configs", "crowdsecurity", "appsec-default.yaml")
}

// The hub's rules alone are the yardstick of both together.
func BenchmarkInspect(b *testing.B) {
	for _, set := range []struct {
		name string
		cfg  waf.LoadConfig
	}{
		{"hub", waf.LoadConfig{Paths: []string{hubPath(b)}}},
		{"rules", waf.LoadConfig{Sets: []waf.Set{{Name: "x", Files: files}}}},
		{"detector", waf.LoadConfig{Sets: []waf.Set{{Name: "x", Files: fstest.MapFS{}, Detector: newDetector()}}}},
		{"both", waf.LoadConfig{Paths: []string{hubPath(b)}, Sets: []waf.Set{Set()}}},
	} {
		rules := load(b, set.cfg)
		for i, s := range samples() {
			b.Run(set.name+"/"+sampleNames[i], func(b *testing.B) { inspect(b, rules, &s) })
		}
	}
}

func inspect(b *testing.B, rules *waf.Rules, s *sent) {
	req := waf.Request{Method: s.method, Target: s.target, Proto: "HTTP/1.1", Host: "www.example.org", Header: s.header, HasBody: s.body != ""}
	body := []byte(s.body)
	b.ReportAllocs()
	for b.Loop() {
		in := rules.Head(&req)
		in.Body(body)
		if len(in.Matches()) > 0 {
			b.Fatal(in.Matches())
		}
		in.Close()
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		load(b, waf.LoadConfig{Sets: []waf.Set{Set()}})
	}
}
