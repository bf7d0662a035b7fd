package detect

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// habits are those of the sites: how each answers for what it has not, which of its
// links are broken, and where it asks for credentials. All of it is learned from
// answers, in bounded memory, and says nothing about anybody.
type habits struct {
	seed maphash.Seed

	taught atomic.Bool // some site answers for what it has not as for what it has
	asks   atomic.Bool // some place asks for credentials

	mu     sync.Mutex
	alike  *simplelru.LRU[uint64, *[maxAlike]likeness] // by host
	broken *simplelru.LRU[uint64, *brokenLink]         // by host and path
	places *simplelru.LRU[uint64, struct{}]            // that ask for credentials, or that work for other sites
}

const (
	maxSites  = 1024
	maxAlike  = 4 // answers of a site for what it has not
	maxBroken = 8192
	maxPlaces = 16384
	unrelated = 3 // networks that make a broken link of a missing page
)

// A likeness is what answers for what a site has not have in common.
type likeness struct {
	status int
	kind   uint64 // hash of where a redirect leads, or of the content type
	size   int64

	pages [proofs]uint64 // different ones that were answered so
	n     int
}

// proofs is how many pages that a site cannot have make sure how it answers for
// them: one may be there after all.
const proofs = 3

// A brokenLink holds the networks whose honest clients missed a page.
type brokenLink struct {
	nets [unrelated]uint64
	n    int
}

func newHabits() *habits {
	h := &habits{seed: maphash.MakeSeed()}
	h.alike, _ = simplelru.NewLRU[uint64, *[maxAlike]likeness](maxSites, nil) // these fail on a size below 1 only
	h.broken, _ = simplelru.NewLRU[uint64, *brokenLink](maxBroken, nil)
	h.places, _ = simplelru.NewLRU[uint64, struct{}](maxPlaces, nil)
	return h
}

// hash returns a number for texts that belong together.
func (h *habits) hash(texts ...string) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	for _, t := range texts {
		m.WriteString(t) // these never fail
		m.WriteByte(0)
	}
	return m.Sum64()
}

// page returns a number for a path.
func (h *habits) page(path string) uint64 { return maphash.String(h.seed, path) }

// likenessOf returns that of the answer, and whether it can stand for what is not
// there: a page that is not empty, or a redirect to where everything is redirected.
func (h *habits) likenessOf(v *view) (likeness, bool) {
	e := v.evt
	switch {
	case e.Status >= 300 && e.Status < 400:
		to := locationPath(first(e.Header["Location"]))
		p, _ := v.cleanPath()
		if to == "" || strings.Contains(strings.ToLower(to), strings.ToLower(strings.TrimSuffix(p, "/"))) && p != "/" {
			return likeness{}, false // to the same page, written as it should be
		}
		return likeness{status: e.Status, kind: h.hash(to)}, true
	case e.Status == 0 || e.Status == 200:
		if e.Size <= 0 || !strings.HasPrefix(e.ContentType, "text/html") {
			return likeness{}, false
		}
		return likeness{status: 200, kind: h.hash(e.ContentType), size: e.Size}, true
	}
	return likeness{}, false
}

// locationPath returns the path of a redirect without host and query.
func locationPath(to string) string {
	to, _, _ = strings.Cut(to, "?")
	if _, rest, absolute := strings.Cut(to, "://"); absolute {
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return "/"
		}
		return rest[slash:]
	}
	return to
}

// is reports whether b may be another answer of the kind of a: pages that name what
// was asked for differ by a few bytes.
func (a likeness) is(b likeness) bool {
	const slack = 128
	difference := max(a.size-b.size, b.size-a.size)
	return a.status == b.status && a.kind == b.kind && difference <= max(slack, a.size/50)
}

// learnAlike notes how a site answers for a path that it cannot have.
func (h *habits) learnAlike(v *view) {
	l, ok := h.likenessOf(v)
	if !ok {
		return
	}
	host, _ := v.host()
	p, _ := v.cleanPath()
	page := h.hash(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.likeLocked(h.hash(host), l).prove(page) {
		h.taught.Store(true)
	}
}

// likeLocked returns what is known of answers like l, which takes the place of the
// oldest if nothing is.
func (h *habits) likeLocked(site uint64, l likeness) *likeness {
	known, ok := h.alike.Get(site)
	if !ok {
		known = new([maxAlike]likeness)
		h.alike.Add(site, known)
	}
	for i := range known {
		if known[i].is(l) {
			return &known[i]
		}
	}
	copy(known[1:], known[:maxAlike-1])
	known[0] = l
	return &known[0]
}

// prove adds a page that was answered so, and reports whether there are enough.
func (a *likeness) prove(page uint64) bool {
	if a.n < proofs && !slices.Contains(a.pages[:a.n], page) {
		a.pages[a.n] = page
		a.n++
	}
	return a.n == proofs
}

// isAlike reports whether the answer is one that the site gives for what it has not.
func (h *habits) isAlike(v *view, l likeness) bool {
	if !h.taught.Load() {
		return false
	}
	host, _ := v.host()
	h.mu.Lock()
	defer h.mu.Unlock()
	known, ok := h.alike.Get(h.hash(host))
	if !ok {
		return false
	}
	for _, k := range known {
		if k.n == proofs && k.is(l) {
			return true
		}
	}
	return false
}

// isBroken reports whether the page is missed by clients that have nothing to do
// with each other and find the others that they ask for: then a link to it is
// broken. With learn, the client of v is one more of these.
func (h *habits) isBroken(v *view, learn bool) bool {
	host, _ := v.host()
	p, _ := v.cleanPath()
	page, from := h.hash(host, p), h.hash(wideNet(v.evt.Client))
	h.mu.Lock()
	defer h.mu.Unlock()
	link, ok := h.broken.Get(page)
	if !ok {
		if !learn {
			return false
		}
		link = new(brokenLink)
		h.broken.Add(page, link)
	}
	if link.n == unrelated {
		return true
	}
	if learn && !slices.Contains(link.nets[:link.n], from) {
		link.nets[link.n] = from
		link.n++
	}
	return false
}

// wideNet returns the network that nobody has two of by chance.
func wideNet(ip netip.Addr) string {
	bits := 16
	if ip.Is6() {
		bits = 32
	}
	p, _ := ip.Prefix(bits) // fails on an invalid address only, which is nobody's
	return p.String()
}

// learnPlace notes that a place does what kind says.
func (h *habits) learnPlace(kind, place string) {
	k := h.hash(kind, place)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places.Add(k, struct{}{})
	h.asks.Store(true)
}

// isPlace reports whether that is known of the place.
func (h *habits) isPlace(kind, place string) bool {
	if !h.asks.Load() {
		return false
	}
	k := h.hash(kind, place)
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.places.Get(k)
	return ok
}
