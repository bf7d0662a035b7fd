//go:build linux

package builtin

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/tocsin-project/tocsin/waf"
)

// The processor time of the requests that are made to cost, the least of many runs, with
// CrowdSec's rules and our own.
func BenchmarkWorst(b *testing.B) {
	const limit = 131_072
	rules := load(b, waf.LoadConfig{Paths: []string{hubPath(b)}, Sets: []waf.Set{Set()}})
	for name, text := range worst() {
		for _, cut := range []int{8, 64, 200, 1 << 10, 8 << 10, 1 << 20} {
			for kind, s := range hostile(text, cut, limit) {
				b.Run(strings.ReplaceAll(name, " ", "-")+"/"+kind+"/"+sizeName(cut), func(b *testing.B) {
					reportLeast(b, rules, &s)
				})
			}
		}
	}
}

// reportLeast reports the least processor time that a request takes.
func reportLeast(b *testing.B, rules *waf.Rules, s *sent) {
	least, units := time.Hour, 0
	for b.Loop() {
		took, work := processorTime(rules, s)
		least, units = min(least, took), work
	}
	b.ReportMetric(float64(least.Microseconds()), "cpu-us")
	b.ReportMetric(float64(least)/float64(units), "cpu-ns/unit")
}

// The same of requests that a search has found: those with the most work, and some others.
func BenchmarkSearched(b *testing.B) {
	const tries, each = 600, 30
	rules, texts := load(b, waf.LoadConfig{Paths: []string{hubPath(b)}, Sets: []waf.Set{Set()}}), worst()
	shapes, units := searchWorst(rules, tries)
	order := make([]int, len(shapes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return units[b] - units[a] })
	for place, i := range order {
		if place < each || place%(tries/each) == 0 {
			s := shapes[i].request(texts)
			b.Run(fmt.Sprintf("%d/%s", place, strings.ReplaceAll(fmt.Sprintf("%+v", shapes[i]), " ", ",")), func(b *testing.B) { reportLeast(b, rules, &s) })
		}
	}
}

// processorTime returns what this thread needs for a request, and the units of work.
func processorTime(rules *waf.Rules, s *sent) (took time.Duration, units int) {
	req := waf.Request{Method: s.method, Target: s.target, Proto: "HTTP/1.1", Header: s.header, HasBody: true}
	body := []byte(s.body)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	start := threadTime()
	in := rules.Head(&req)
	in.Body(body)
	units = in.Work()
	in.Close()
	return threadTime() - start, units
}

// threadTime returns the processor time of this thread. The clock of getrusage has ticks of
// some milliseconds.
func threadTime() time.Duration {
	const ofThread = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, ofThread, uintptr(unsafe.Pointer(&t)), 0)
	return time.Duration(t.Nano())
}

// hostile are requests of a text in values of a size: a form, JSON, and a head and a body.
func hostile(text string, size, limit int) map[string]sent {
	text = text[:min(len(text), 2*limit)]
	fit := func(s string) string { return s[:min(len(s), limit)] }
	all := map[string]sent{}
	for kind, body := range map[string]string{
		"application/x-www-form-urlencoded": fit(cutInto(text, size)),
		"application/json":                  jsonOf(text, size, limit),
		"application/octet-stream":          fit(text),
	} {
		s := sent{"POST", "/", browser(), body}
		s.header.Set("Content-Type", kind)
		_, short, _ := strings.Cut(kind, "/")
		all[short] = s
		s.header = s.header.Clone()
		s.target = "/?" + cutInto(text[:min(len(text), 20_000)], size)
		s.header["X-Own"] = []string{text[:8000], text[8000:16_000], text[16_000:24_000]}
		s.header["Cookie"] = []string{text[:4000]}
		all[short+"-and-head"] = s
	}
	return all
}

func jsonOf(text string, size, limit int) string {
	var b strings.Builder
	b.WriteByte('[')
	for len(text) > 0 {
		n := min(size, len(text))
		piece := string(must(json.Marshal(text[:n])))
		if b.Len()+len(piece) > limit-8 {
			break
		}
		b.WriteString(piece + ",")
		text = text[n:]
	}
	return b.String() + "1]"
}

func sizeName(n int) string { return fmt.Sprint(n, "B") }
