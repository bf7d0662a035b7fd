package builtin

import (
	"bytes"
	"math/bits"

	"github.com/tocsin-project/tocsin/internal/search"
	"github.com/tocsin-project/tocsin/waf"
)

// Bounds of what one request costs. A value is looked at as far as that, and at its end.
const (
	maxText     = 6 << 10
	maxTail     = 2 << 10
	maxJoined   = 512       // of arguments of one name
	maxBytes    = 128 << 10 // of all values of a request
	maxMatch    = 128 << 10 // that patterns are held against
	costOfLook  = 16        // bytes that a value costs besides its own
	costOfSigns = 64        // and if it may have signs
	maxSlow     = 3 << 10   // that words are counted in
	maxLead     = 512       // of the first words
	maxRest     = 256       // behind them
)

// A watch looks at the values of one request.
type watch struct {
	*detector
	bits     []uint64
	text     text
	best     [classCount]worth
	sums     [classCount]int // of weak signs in several values
	left     int             // bytes that are still looked at
	matches  int             // bytes that patterns are still held against
	lookups  int             // that were resolved
	slow     int             // bytes that words are still counted in
	work     int             // units so far
	most     int             // units that the request may take
	started  bool
	over     bool
	inside   []byte // of a value in base64
	encoded  []byte // the text of a value in base64
	rest     []byte // of a Referer
	lastName []byte // of an argument
	joined   []byte // with those of the same name before
	findings []waf.Finding
}

// A worth is the most that one value has of a class, and where.
type worth struct {
	points int
	part   waf.Part
	name   string
}

// Look looks at a value and its name.
func (w *watch) Look(p waf.Part, name, value []byte) {
	if !w.started {
		w.started, w.left, w.matches, w.slow, w.lookups = true, maxBytes, maxMatch, maxSlow, 0
	}
	if w.isSpent() {
		return
	}
	w.work += workOfValue
	if p == waf.PartHeader && isDull(name, value) {
		return
	}
	if p == waf.PartHeader && string(name) == "Referer" {
		value = w.lookReferer(name, value)
	}
	if p != waf.PartHeader && p != waf.PartRawBody && isSuspectName(name) {
		w.look(context{part: p, name: name, isName: true}, name)
	}
	if len(value) > maxText+maxTail {
		if !w.scans(value) {
			return
		}
		if value = withoutPadding(value); len(value) > maxText+maxTail {
			w.look(context{part: p, name: name}, value[:maxText])
			w.lookMiddle(context{part: p, name: name}, value)
			value = value[len(value)-maxTail:]
		}
	}
	w.look(context{part: p, name: name}, value)
	w.lookDeeper(p, name, value)
}

// look looks at a value, or at a name.
func (w *watch) look(c context, value []byte) {
	if start := trimLeft(value); len(start) < 2 || !c.mayAttack(value, start) {
		return
	}
	if w.left -= len(value) + costOfLook; w.left < 0 || w.isSpent() {
		w.over = true
		return
	}
	w.work += workOfLook + len(value)*workOfByte
	w.text.room, w.text.layers = unescape(w.text.room, value)
	w.work += len(value) * w.text.layers * workOfLayer
	if w.text.decoded = w.text.room; c.part != waf.PartRawBody {
		w.text.decoded = trimLeft(w.text.decoded)
	}
	if c.part == waf.PartCookie {
		plusToBlank(w.text.decoded)
	}
	w.text.spaced = appendSpaced(w.text.spaced[:0], w.text.decoded)
	w.work += workOfHit * search.Mark(w.find, w.text.spaced, w.sets, w.bits)
	w.lookBare()
	if c.part == waf.PartRawBody || hasControl(w.text.decoded) {
		for i, set := range w.free {
			w.bits[i] |= set
		}
	}
	if c.part == waf.PartPath {
		w.add(&c, int(pathTraversal), dotPoints(value, w.text.decoded), 0)
	}
	if w.hasLookup(w.text.decoded) {
		c.read(&w.text)
		w.addLookup(&c)
	}
	if hasBrokenScheme(w.text.decoded) {
		c.read(&w.text)
		w.add(&c, int(crossSiteScripting), likelyPoints+1, 0)
	}
	w.judge(&c)
}

// lookBare marks what a shell makes of the text, if that is another one.
func (w *watch) lookBare() {
	w.text.bare = w.text.bare[:0]
	if kindsOf(w.text.room)&isQuote == 0 && bytes.IndexByte(w.text.room, '\n') < 0 {
		return
	}
	w.text.bare = appendBare(w.text.bare, w.text.room)
	w.work += len(w.text.room) * workOfBare
	if len(w.text.bare) < maxTail {
		w.work += workOfHit * search.Mark(w.find, w.text.bare, w.sets, w.bits)
	}
}

// judge asks the signs that may be there, and forgets which.
func (w *watch) judge(c *context) {
	found := false
	for _, set := range w.bits {
		found = found || set != 0
	}
	if !found {
		return
	}
	w.left -= costOfSigns
	w.work += workOfSigns + len(w.text.room)*workOfKind
	c.readMarks(&w.text)
	var soft, hard [classCount]int
	for i, set := range w.bits {
		w.bits[i] = 0
		for ; set != 0; set &= set - 1 {
			s := &w.signs[i*64+bits.TrailingZeros64(set)]
			w.work += workOfSign
			if !c.counts(s) || s.class == loginBatch && !manyCalls(w.text.spaced) {
				continue
			}
			if n := w.pointsOf(c, s); s.where&inProse != 0 {
				hard[s.class] += n
			} else {
				soft[s.class] += n
			}
		}
	}
	if soft != [classCount]int{} {
		w.work += len(w.text.spaced) * workOfProse
		c.readProse(&w.text)
	}
	for class := range soft {
		w.add(c, class, soft[class], hard[class])
	}
}

// pointsOf returns what a sign says about the text.
func (w *watch) pointsOf(c *context, s *compiled) int {
	in := w.text.spaced
	switch {
	case s.form == whole:
		in = w.text.room
	case s.form == decoded:
		in = w.text.decoded
	case s.form == bare && len(w.text.bare) > 0:
		in = w.text.bare
	}
	if !w.spend(len(in)) || !s.table().MatchBytes(in) {
		return 0
	}
	if s.counting == nil || c.lead > maxLead {
		return s.points // no prose begins with so long a word
	}
	in = in[:min(len(in), c.lead+maxRest)]
	w.work += len(in) * workOfWords
	if w.slow -= len(in); w.slow < 0 {
		w.over = true
		return s.points / 2 // it is there, but perhaps in prose
	}
	if s.counting().Match(in) {
		return s.points
	}
	return 0
}

// add adds what a value has of a class: points of signs that say less in prose, and of
// others.
func (w *watch) add(c *context, of, soft, hard int) {
	points := c.weigh(class(of), soft) + hard
	if c.isEncoded {
		points = min(points, certainPoints-1)
	}
	if points <= 0 {
		return
	}
	if points < likelyPoints {
		w.sums[of] += points
	}
	if points > w.best[of].points {
		w.best[of] = worth{points, c.part, string(c.name)}
	}
}

// addLookup adds a lookup of log4j, which nothing but prose in a body has a reason for.
func (w *watch) addLookup(c *context) {
	if c.part == waf.PartBodyArg || c.part == waf.PartRawBody {
		w.add(c, int(jndiLookup), certainPoints, 0)
		return
	}
	w.add(c, int(jndiLookup), 0, certainPoints)
}

// Findings returns the rules of the classes that there are enough signs of.
func (w *watch) Findings() []waf.Finding {
	w.findings = w.findings[:0]
	for c := range w.best {
		best := &w.best[c]
		conf, any := verdict(best.points, w.sums[c])
		if !any {
			continue
		}
		for ; conf <= waf.Observe; conf++ {
			if n := w.numOf[c][conf]; n >= 0 {
				w.findings = append(w.findings, waf.Finding{Rule: n, Part: best.part, Name: best.name})
				break
			}
		}
	}
	return w.findings
}

// verdict returns how sure signs make.
func verdict(best, sum int) (waf.Confidence, bool) {
	switch {
	case best >= certainPoints:
		return waf.Certain, true
	case best >= likelyPoints || sum >= sumPoints:
		return waf.Likely, true
	case best >= observePoints:
		return waf.Observe, true
	}
	return 0, false
}

// Over reports whether there was too much to look at all of it.
func (w *watch) Over() bool { return w.over }

// Reset ends the request.
func (w *watch) Reset() {
	w.started, w.over, w.work, w.most = false, false, 0, maxWork
	w.best, w.sums = [classCount]worth{}, [classCount]int{}
	w.findings, w.lastName, w.joined = w.findings[:0], w.lastName[:0], w.joined[:0]
}
