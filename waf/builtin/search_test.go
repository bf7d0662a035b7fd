package builtin

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/waf"
)

// A shape says how a slow request is made: of which texts, cut into which values, and where
// they stand.
type shape struct {
	body, head         string // names of texts of worst
	bodySize, headSize int    // of a value
	bodyBytes          int
	headBytes          int
	kind               int // of body
	isZipped           bool
}

var (
	shapeKinds = []string{"application/x-www-form-urlencoded", "application/json", "application/json", "multipart/form-data; boundary=own", "application/octet-stream", "text/xml", "application/xml"}
	shapeSizes = []int{1, 2, 4, 8, 16, 64, 200, 1 << 10, 8 << 10, 1 << 20}
)

// randomShape returns any shape.
func randomShape(r *rand.Rand, texts []string) shape {
	return shape{
		body: texts[r.IntN(len(texts))], head: texts[r.IntN(len(texts))], bodySize: shapeSizes[r.IntN(len(shapeSizes))], headSize: shapeSizes[r.IntN(len(shapeSizes))],
		bodyBytes: 1 << (10 + r.IntN(8)), headBytes: r.IntN(60_000), kind: r.IntN(len(shapeKinds)), isZipped: r.IntN(4) == 0,
	}
}

// changed returns a shape that differs in one or two ways.
func (s shape) changed(r *rand.Rand, texts []string) shape {
	other := randomShape(r, texts)
	for range 1 + r.IntN(2) {
		switch r.IntN(6) {
		case 0:
			s.body = other.body
		case 1:
			s.bodySize = other.bodySize
		case 2:
			s.kind = other.kind
		case 3:
			s.isZipped = other.isZipped
		case 4:
			s.head, s.headSize = other.head, other.headSize
		default:
			s.headBytes, s.bodyBytes = other.headBytes, other.bodyBytes
		}
	}
	return s
}

// request makes the request.
func (s *shape) request(texts map[string]string) sent {
	const limit = 131_072
	text, head := texts[s.body], texts[s.head]
	req := sent{"POST", "/", browser(), ""}
	req.header.Set("Content-Type", shapeKinds[s.kind])
	join := func(before, between, after string) {
		var b strings.Builder
		for n := 0; b.Len() < s.bodyBytes; n++ {
			at := n * s.bodySize % (len(text) - min(s.bodySize, len(text)-1))
			value := text[at : at+min(s.bodySize, len(text)-at, s.bodyBytes)]
			if strings.Contains(between, "%d") {
				fmt.Fprintf(&b, between, n)
			} else {
				b.WriteString(between)
			}
			b.WriteString(before + value + after)
		}
		req.body = b.String()
	}
	switch s.kind {
	case 0:
		req.body = cutInto(text[:min(len(text), s.bodyBytes)], s.bodySize)
	case 1:
		req.body = jsonOf(text[:min(len(text), s.bodyBytes)], s.bodySize, limit)
	case 2:
		join(`":`, `,"%d`, "1")
		req.body = "{" + strings.NewReplacer(`\`, `\\`).Replace(req.body[1:]) + "}"
	case 3:
		join("", "--own\r\nContent-Disposition: form-data; name=a%d\r\n\r\n", "\r\n")
	case 5, 6:
		join("", `<?xml version="1.0"?><a b='`, "'>x</a>")
	default:
		req.body = text[:min(len(text), s.bodyBytes)]
	}
	if s.isZipped {
		req.zip()
	}
	req.body = req.body[:min(len(req.body), limit)]
	third := s.headBytes / 3
	req.target = "/?" + cutInto(head[:third], s.headSize)
	req.header["X-Own"] = []string{head[:third/3], head[third/3 : third]}
	req.header["Cookie"] = []string{cutInto(head[:third], s.headSize)}
	return req
}

// searchWorst looks for the shapes that take the most work, uphill from many places.
func searchWorst(rules *waf.Rules, tries int) (shapes []shape, units []int) {
	all := worst()
	var texts []string
	for name := range all {
		texts = append(texts, name)
	}
	slices.Sort(texts)
	r := rand.New(rand.NewPCG(1, 2))
	best, most := randomShape(r, texts), 0
	for i := range tries {
		next := randomShape(r, texts)
		if i%3 > 0 {
			next = best.changed(r, texts)
		}
		req := next.request(all)
		in := rules.Head(&waf.Request{Method: req.method, Target: req.target, Proto: "HTTP/1.1", Header: req.header, HasBody: true})
		in.Body([]byte(req.body))
		work := in.Work()
		in.Close()
		shapes, units = append(shapes, next), append(units, work)
		if work > most {
			best, most = next, work
		}
	}
	return shapes, units
}

// A search for requests that take the most work finds none beyond a bound, with all rules that
// there are. Of this machine's time that is less than 2 ms: see BenchmarkWorst.
func TestASearchFindsNoSlowRequest(t *testing.T) {
	const tries, most = 600, 3_000_000
	sets := map[string]*waf.Rules{"builtin": own(t)}
	if os.Getenv("TOCSIN_WAF_SUITE") != "" {
		sets["both"] = load(t, waf.LoadConfig{Paths: []string{hubPath(t)}, Sets: []waf.Set{Set()}})
	}
	for name, rules := range sets {
		shapes, units := searchWorst(rules, tries)
		at := slices.Index(units, slices.Max(units))
		t.Logf("%s: %d units of work: %+v", name, units[at], shapes[at])
		if units[at] > most {
			t.Errorf("%s: %d units of work, want at most %d: %+v", name, units[at], most, shapes[at])
		}
	}
}
