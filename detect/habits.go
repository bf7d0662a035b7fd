package detect

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tocsin-project/tocsin/lookup"
)

// habits are those of the sites: how each answers for what it has not, which of its
// links are broken, and where it asks for credentials. All of it is learned from
// answers, in bounded memory, and says nothing about anybody.
type habits struct {
	seed maphash.Seed

	taught atomic.Bool // some site answers for what it has not as for what it has
	asks   atomic.Bool // some place is of one of the kinds

	pages pages

	mu     sync.Mutex
	alike  lessons[*[maxAlike]likeness]  // by host
	broken *shares[uint64, *brokenLink]  // by host and path
	places [placeKinds]lessons[struct{}] // of each kind
	idle   *shares[uint64, uint8]        // logins at a place that nobody has used: see idle.go

	outages *shares[uint64, *outage] // by place: see outage.go
}

const (
	maxSites  = 1024
	maxAlike  = 4 // answers of a site for what it has not
	maxBroken = 8192
	maxPlaces = 8192 // of each kind
	ofAll     = 8    // of any of these one network has no more than one in so many
	unrelated = 3    // networks that make a broken link of a missing page
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
	h.alike = newLessons[*[maxAlike]likeness](maxSites, maxSites)
	h.broken = newShares[uint64, *brokenLink](maxBroken, maxBroken/ofAll)
	h.idle = newShares[uint64, uint8](maxPlaces, maxPlaces/ofAll)
	h.outages = newShares[uint64, *outage](maxSites, maxSites/ofAll)
	for kind := range h.places {
		others := maxPlaces / ofAll
		if placeKind(kind) == placeWorks { // which nobody else can teach
			others = maxPlaces
		}
		h.places[kind] = newLessons[struct{}](maxPlaces, others)
	}
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

// hashBytes is hash for one text.
func (h *habits) hashBytes(text []byte) uint64 {
	var m maphash.Hash
	m.SetSeed(h.seed)
	m.Write(text) // these never fail
	m.WriteByte(0)
	return m.Sum64()
}

// page returns a number for a path.
func (h *habits) page(path string) uint64 { return maphash.String(h.seed, path) }

// wasThere reports whether somebody has got the page before.
func (v *view) wasThere() bool {
	if v.habits == nil {
		return false
	}
	return v.habits.pages.had(v.habits.page(v.path()) ^ v.siteNumber())
}

// siteNumber returns a number for the site.
func (v *view) siteNumber() uint64 {
	site, _ := v.site()
	return bits.RotateLeft64(v.habits.page(site), 1)
}

// likenessOf returns that of the answer, and whether it can stand for what is not
// there: a page that is not empty, or a redirect to where everything is redirected.
func (h *habits) likenessOf(v *view) (likeness, bool) {
	e := v.evt
	switch {
	case e.Status >= 300 && e.Status < 400:
		if first(e.Header["Location"]) == "" {
			return likeness{}, false
		}
		to := v.redirect().path
		p, _ := v.cleanPath()
		if asked := strings.ToLower(p); to == asked || p != "/" && strings.Contains(to, strings.TrimSuffix(asked, "/")) {
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
	site, _ := v.site()
	p, _ := v.cleanPath()
	page := h.hash(p)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.likeLocked(v, h.hash(site), l).prove(page) {
		h.taught.Store(true)
	}
}

// likeLocked returns what is known of answers like l, which takes the place of the
// oldest if nothing is.
func (h *habits) likeLocked(v *view, site uint64, l likeness) *likeness {
	all := h.alike.of(v)
	known, ok := all.get(site)
	if !ok {
		known = new([maxAlike]likeness)
	}
	all.put(v.clientKey(), site, known)
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
	name, _ := v.site()
	site := h.hash(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, all := range []*shares[uint64, *[maxAlike]likeness]{h.alike.own, h.alike.others} {
		if known, ok := all.get(site); ok && proven(known, l) {
			return true
		}
	}
	return false
}

// proven reports whether it is sure that l is among the answers.
func proven(known *[maxAlike]likeness, l likeness) bool {
	return slices.ContainsFunc(known[:], func(k likeness) bool { return k.n == proofs && k.is(l) })
}

// isBroken reports whether the page is missed by clients that have nothing to do
// with each other and find the others that they ask for: then a link to it is
// broken. With learn, the client of v is one more of these.
func (h *habits) isBroken(v *view, learn bool) bool {
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

// wideNet returns the network that nobody has two of by chance.
func wideNet(ip netip.Addr) string { return lookup.Network(ip, 16, 32).String() }

// A placeKind says what a place is known for.
type placeKind int

const (
	placeAsks  placeKind = iota // asks for credentials
	placeWorks                  // for pages of other origins
	// Answers 401 to a wrong password in a form, and so says by 200 that one is right.
	// Other statuses say so of tokens against forgery, too.
	placeRefuses
	placeLogsIn  // has begun a session, or given a token, for a name and a password
	placeFails   // has refused a name and a password in a form of these fields: see standing.go
	placeDenies  // answers 400, 401, 403 or 422 to a form, or 404 to a code: see view.welcomes
	placeTells   // likewise, however it has said so: see idle.go
	placeAccepts // has let somebody in by a password of HTTP's: see view.area
	placeShows   // answers a wrong password by the form itself
	placeClones  // has given a client the list of a repository, see keeper.go
	placeKeeps   // keeps files for a client
	placeMakes   // has made something of a name and a password: see view.makesThing
	placeMember  // has let a client in by a name: see outage.go
	placeEmbeds  // has served a picture or the like to a page of the site
	placeKinds
)

// learnPlace notes that a place is of a kind.
func (h *habits) learnPlace(v *view, kind placeKind, place uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.places[kind].of(v).put(v.clientKey(), place, struct{}{})
	h.asks.Store(true)
}

// isPlace reports whether that is known of the place.
func (h *habits) isPlace(kind placeKind, place uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.places[kind].knows(place)
}
