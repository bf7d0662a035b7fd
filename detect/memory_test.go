package detect

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/event"
	"github.com/tocsin-project/tocsin/internal/heaptest"
)

// crowd shows a detector requests of as many clients, three of each: a page, one that
// is missing, and a login that fails.
func crowd(d *Detector, clients int) {
	body := []byte("user=bob&password=x")
	form := http.Header{"Content-Type": {mediaForm}}
	for i := range clients {
		var ip [16]byte
		ip[0], ip[1] = 0x20, 0x01
		binary.BigEndian.PutUint32(ip[2:], uint32(i)) // a /48 each
		e := &event.Event{
			Time: began.Add(time.Duration(i) * time.Millisecond), Client: netip.AddrFrom16(ip), Method: "GET",
			Target: fmt.Sprintf("/%s/x?%d", letters(i), i), Host: "www.example.org", Proto: "HTTP/2.0", UserAgent: firefox, Status: 200, Size: 5000,
			ContentType: "text/html",
		}
		for step := range 3 {
			switch step {
			case 1:
				e.Target, e.Status = fmt.Sprintf("/%s%d", letters(i), i), 404
			case 2:
				e.Method, e.Target, e.Status, e.Request, e.Body = "POST", "/login", 401, form, body
			}
			d.Request(e)
			d.Response(e)
		}
	}
}

// Any number of clients take as much memory as the config allows, which is less than
// 128 MiB by default. All tables are full before the end: it was 88 MiB with a
// million, each from a network of its own, as BenchmarkCrowd shows with -benchtime 1000000x.
func TestMemoryUnderManyClients(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("takes long")
	}
	const clients, most = 60_000, 128 << 20
	before := heaptest.Bytes()
	d := New(Config{Rules: builtinRules(t)})
	crowd(d, clients)
	used := heaptest.Bytes() - before
	s := d.Stats()
	t.Logf("%d MiB for %d clients: %d buckets, %d MiB by their own count, %d evicted, %d clients remembered",
		used>>20, clients, s.Buckets, s.Bytes>>20, s.Evicted, s.Clients)
	if used > most {
		t.Errorf("%d MiB, want at most %d", used>>20, most>>20)
	}
	if s.Evicted == 0 || s.Clients < 40_000 {
		t.Errorf("the tables are not full: %+v", s)
	}
	if s.Buckets > 100_000 || s.Bytes > 64<<20 || s.Clients > 50_000 {
		t.Errorf("%d buckets of %d bytes, %d clients", s.Buckets, s.Bytes, s.Clients)
	}
	runtime.KeepAlive(d)
}

// BenchmarkCrowd is what a client costs that comes once, among a million others.
func BenchmarkCrowd(b *testing.B) {
	d := New(Config{Rules: builtinRules(b)})
	before := heaptest.Bytes()
	b.ResetTimer()
	crowd(d, b.N)
	b.StopTimer()
	b.ReportMetric(float64(heaptest.Bytes()-before)/(1<<20), "MiB-live")
	runtime.KeepAlive(d)
}

// The cost of detection for a client that only reads.
func TestAnInnocentRequestAllocatesNextToNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("pools forget at random")
	}
	for _, row := range []struct {
		name string
		step step
		most float64
	}{
		{"a page", step{target: "/2024/05/spring-news/", size: 5000}, 0},
		{"a page with a query", step{target: "/?s=how+to+bake+bread", size: 5000}, 0},
		{"a picture", step{target: "/wp-content/uploads/2024/05/beach-1024x768.jpg", size: 50_000, media: "image/jpeg"}, 0},
		{"a picture whose name has capitals", step{target: "/wp-content/uploads/2024/05/IMG_2041-1024x768.jpg", size: 50_000, media: "image/jpeg"}, 1},
		{"a picture that a page embeds", step{target: "/a.jpg", size: 50_000, media: "image/jpeg", whose: event.Embedded}, 0},
		{"an answer of an API", step{target: "/api/v1/users/me", size: 300, media: mediaJSON}, 0},
		{"what has not changed", step{target: "/feed/", status: 304}, 0},
		{"a redirect", step{target: "/about", status: 301, location: "/about/"}, 0},
		{"a link on another page", step{target: "/2024/05/spring-news/", size: 5000, whose: event.Foreign}, 0},
	} {
		d := New(Config{Rules: builtinRules(t)})
		e := row.step.event(began)
		n := testing.AllocsPerRun(200, func() {
			d.Request(e)
			d.Response(e)
		})
		t.Logf("%s: %v", row.name, n)
		if n > row.most {
			t.Errorf("%s: %v allocations, want at most %v", row.name, n, row.most)
		}
	}
}

func TestAttributionAllocatesNothingWhateverIsSaid(t *testing.T) {
	for name, h := range map[string]http.Header{
		"nothing":               {},
		"fetch metadata":        {"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Dest": {"image"}},
		"an Origin":             {"Origin": {"https://site.example:443"}},
		"a Referer":             {"Referer": {"https://other.example/a?b"}},
		"a Referer of our site": {"Referer": {"https://site.example/a?b"}, "Accept": {"image/avif"}},
	} {
		if n := testing.AllocsPerRun(100, func() { event.AttributionOf(h, "site.example:443") }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Rules keep no syntax trees: the garbage collector would follow them in each of its cycles.
func TestRulesKeepFewObjects(t *testing.T) {
	builtinRules(t) // what the first load leaves behind is not counted
	before := heaptest.Objects()
	rules, err := readBuiltin()
	if err != nil {
		t.Fatal(err)
	}
	held := heaptest.Objects() - before
	runtime.KeepAlive(rules)
	if held > 6000 { // 11,600 with the trees
		t.Errorf("the built-in rules hold %d objects", held)
	}
}
