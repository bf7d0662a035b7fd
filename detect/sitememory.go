package detect

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/event"
)

// siteMemory are the learned properties of the sites: how each site answers for missing pages,
// which of its links are broken, and where it asks for credentials. They are learned from
// answers, in limited memory, and contain nothing about persons.
type siteMemory struct {
	seed maphash.Seed

	hasMissing atomic.Bool // at least one site answers for missing pages in the same way as for real pages
	hasPlaces  atomic.Bool // at least one place is of a known kind

	pages pages

	mu      sync.Mutex
	missing factStore[*[maxShapes]answerShape] // by host
	broken  *shares[uint64, *brokenLink]       // by host and path
	places  [placeKinds]factStore[struct{}]    // of each kind
	unused  *shares[uint64, uint8]             // by place, how many logins were not used: see unusedlogin.go

	outages *shares[uint64, *outage] // by place: see outage.go
}

const (
	maxSites  = 1024
	maxShapes = 4 // different answers of one site for missing pages
	maxBroken = 8192
	maxPlaces = 8192 // places of each kind
	ofAll     = 8    // one network may have at most 1/8 of the entries in each of these
	unrelated = 3    // a missing page that clients from this many networks request is a broken link
)

// An answerShape has the common properties of a site's answers for missing pages.
type answerShape struct {
	status int
	kind   uint64 // hash of the redirect's target, or of the content type
	size   int64

	pages [proofs]uint64 // different pages with this answer
	n     int
}

// proofs is how many impossible pages must get the same answer before it counts as the
// site's answer for missing pages: one of them may exist after all.
const proofs = 3

// A brokenLink has the networks whose honest clients requested a missing page.
type brokenLink struct {
	nets [unrelated]uint64
	n    int
}

func newSiteMemory() *siteMemory {
	h := &siteMemory{seed: maphash.MakeSeed()}
	h.missing = newFactStore[*[maxShapes]answerShape](maxSites, maxSites)
	h.broken = newShares[uint64, *brokenLink](maxBroken, maxBroken/ofAll)
	h.unused = newShares[uint64, uint8](maxPlaces, maxPlaces/ofAll)
	h.outages = newShares[uint64, *outage](maxSites, maxSites/ofAll)
	for kind := range h.places {
		others := maxPlaces / ofAll
		if placeKind(kind) == placeWorks { // only requests from other pages can teach it
			others = maxPlaces
		}
		h.places[kind] = newFactStore[struct{}](maxPlaces, others)
	}
	return h
}

// hash returns a hash of a list of texts.
func (h *siteMemory) hash(texts ...string) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	for _, t := range texts {
		m.WriteString(t) // never fails
		m.WriteByte(0)
	}
	return m.Sum64()
}

// hashBytes is hash for one text.
func (h *siteMemory) hashBytes(text []byte) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	m.Write(text) // never fails
	m.WriteByte(0)
	return m.Sum64()
}

// page returns a hash of a path.
func (h *siteMemory) page(path string) uint64 { return maphash.String(h.seed, path) }

// wasThere reports whether any client has received the page before.
func (v *view) wasThere() bool {
	if v.sites == nil {
		return false
	}
	return v.sites.pages.had(v.sites.page(v.path()) ^ v.siteNumber())
}

// siteNumber returns a hash of the site.
func (v *view) siteNumber() uint64 {
	site, _ := v.site()
	return bits.RotateLeft64(v.sites.page(site), 1)
}

// shapeOf returns the shape of an answer, and whether such an answer can stand for a
// missing page: a page that is not empty, or a redirect to a page for all missing pages.
func (h *siteMemory) shapeOf(v *view) (answerShape, bool) {
	e := v.evt
	switch {
	case e.Status >= 300 && e.Status < 400:
		if first(e.Header["Location"]) == "" {
			return answerShape{}, false
		}
		to := v.redirect().path
		p, _ := v.cleanPath()
		if asked := strings.ToLower(p); to == asked || p != "/" && strings.Contains(to, strings.TrimSuffix(asked, "/")) {
			return answerShape{}, false // a redirect to the same page in its correct spelling
		}
		return answerShape{status: e.Status, kind: h.hash(to)}, true
	case e.Status == 0 || e.Status == 200:
		if e.Size <= 0 || !strings.HasPrefix(e.ContentType, "text/html") {
			return answerShape{}, false
		}
		return answerShape{status: 200, kind: h.hash(e.ContentType), size: e.Size}, true
	}
	return answerShape{}, false
}

// is reports whether b may be the same kind of answer as a. Pages that repeat the requested
// path differ by a few bytes.
func (a answerShape) is(b answerShape) bool {
	const slack = 128
	difference := max(a.size-b.size, b.size-a.size)
	return a.status == b.status && a.kind == b.kind && difference <= max(slack, a.size/50)
}

// learnMissing records how a site answers for a path that cannot exist.
func (h *siteMemory) learnMissing(v *view) {
	l, ok := h.shapeOf(v)
	if !ok {
		return
	}
	site, _ := v.site()
	p, _ := v.cleanPath()
	page := h.hash(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shapeLocked(v, h.hash(site), l).prove(page) {
		h.hasMissing.Store(true)
	}
}

// shapeLocked returns the entry for answers like l. If there is none, it replaces the oldest
// entry.
func (h *siteMemory) shapeLocked(v *view, site uint64, l answerShape) *answerShape {
	all := h.missing.of(v)
	known, ok := all.get(site)
	if !ok {
		known = new([maxShapes]answerShape)
	}
	all.put(v.clientKey(), site, known)
	for i := range known {
		if known[i].is(l) {
			return &known[i]
		}
	}
	copy(known[1:], known[:maxShapes-1])
	known[0] = l
	return &known[0]
}

// prove adds a page with this answer, and reports whether there are enough.
func (a *answerShape) prove(page uint64) bool {
	if a.n < proofs && !slices.Contains(a.pages[:a.n], page) {
		a.pages[a.n] = page
		a.n++
	}
	return a.n == proofs
}

// isMissing reports whether the answer is one that the site gives for missing pages.
func (h *siteMemory) isMissing(v *view, l answerShape) bool {
	if !h.hasMissing.Load() {
		return false
	}
	name, _ := v.site()
	site := h.hash(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, all := range []*shares[uint64, *[maxShapes]answerShape]{h.missing.own, h.missing.others} {
		if known, ok := all.get(site); ok && proven(known, l) {
			return true
		}
	}
	return false
}

// proven reports whether l is certain to be one of the answers.
func proven(known *[maxShapes]answerShape, l answerShape) bool {
	return slices.ContainsFunc(known[:], func(k answerShape) bool { return k.n == proofs && k.is(l) })
}

// isBroken reports whether a missing page is behind a broken link: unrelated clients request
// it, and the other pages that they request exist. With learn, the client of v is added to
// them.
func (h *siteMemory) isBroken(v *view, learn bool) bool {
	site, _ := v.site()
	p, _ := v.cleanPath()
	page, from := h.hash(site, p), h.hash(wideNet(v.evt.Client))
	h.mu.Lock()
	defer h.mu.Unlock()
	link, ok := h.broken.get(page)
	if !ok {
		if !learn {
			return false
		}
		link = new(brokenLink)
		h.broken.put(v.clientKey(), page, link)
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

// wideNet returns a network so large that a client hardly has two of them by chance.
func wideNet(ip netip.Addr) string { return event.OwnerOf(ip).String() }

// A placeKind is a known property of a place.
type placeKind int

const (
	placeAsks  placeKind = iota // asks for credentials
	placeWorks                  // has served pages of other origins
	// It answers 401 to a wrong password in a form, so an answer of 200 means that the
	// password is right. Other statuses prove nothing, because they are also used for tokens
	// against request forgery.
	placeRefuses
	placeLogsIn       // has started a session, or given a token, for a name and a password
	placeFails        // has refused a name and a password in a form of these fields: see accepted.go
	placeDenies       // answers 400, 401, 403 or 422 to a form, or 404 to a code: see view.welcomes
	placeShowsRefusal // has refused a login, in whatever form: see unusedlogin.go
	placeAccepts      // has accepted a password of HTTP authentication: see view.area
	placeShows        // answers a wrong password with the form again
	placeClones       // has sent a client the list of a repository: see received.go
	placeStores       // stores files for a client
	placeMakes        // has created an object from a name and a password: see view.makesThing
	placeMember       // has let a client log in with a name: see outage.go
	placeEmbeds       // has served an image or similar file to a page of the site
	placeKinds
)

// learnPlace records that a place has this property.
func (h *siteMemory) learnPlace(v *view, kind placeKind, place uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places[kind].of(v).put(v.clientKey(), place, struct{}{})
	h.hasPlaces.Store(true)
}

// isPlace reports whether the place is known to have this property.
func (h *siteMemory) isPlace(kind placeKind, place uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.places[kind].has(place)
}
