package builtin

import (
	"bytes"
	"math/bits"

	"github.com/tocsin-project/tocsin/internal/search"
	"github.com/tocsin-project/tocsin/waf"
)

// Bounds of what one request costs. A value is looked at as far as that, and at its end.
const (
	maxText  = 6 << 10
	maxTail  = 2 << 10
	maxBytes = 384 << 10 // of all values of a request
	maxMatch = 256 << 10 // that patterns are held against
	slowness = 16        // of a pattern without a table
)

// A watch looks at the values of one request.
type watch struct {
	*detector
	bits     []uint64
	text     text
	best     [classCount]place2
	sums     [classCount]int // of weak signs in several values
	left     int             // bytes that are still looked at
	matches  int             // bytes that patterns are still held against
	started  bool
	over     bool
	findings []waf.Finding
}

// A place2 is the most that one value of a class has, and where.
type place2 struct {
	points int
	part   waf.Part
	name   string
}

// Look looks at a value and its name.
func (w *watch) Look(p waf.Part, name, value []byte) {
	if !w.started {
		w.started, w.left, w.matches = true, maxBytes, maxMatch
	}
	if p == waf.PartHeader && isDull(name) {
		return
	}
	if p != waf.PartHeader && kindsOf(name)&isSpecial != 0 && !isNameOfLevels(name) {
		w.look(context{part: p, name: name, isName: true}, name)
	}
	if len(value) > maxText+maxTail {
		w.look(context{part: p, name: name}, value[:maxText])
		value = value[len(value)-maxTail:]
	}
	w.look(context{part: p, name: name}, value)
}

// isNameOfLevels reports whether a name has nothing special but the brackets of arrays.
func isNameOfLevels(name []byte) bool {
	for _, c := range name {
		if kinds[c] != isPlain && c != '[' && c != ']' && c != ':' && c != '@' && c != '/' {
			return false
		}
	}
	return true
}

func (w *watch) look(c context, value []byte) {
	if len(value) < 2 || !c.mayAttack(value) {
		return
	}
	if w.left -= len(value); w.left < 0 {
		w.over = true
		return
	}
	w.text.decoded, w.text.layers = unescape(w.text.decoded, value)
	if c.part == waf.PartCookie {
		plusToBlank(w.text.decoded)
	}
	w.text.spaced = appendSpaced(w.text.spaced[:0], w.text.decoded)
	search.Mark(w.find, w.text.spaced, w.sets, w.bits)
	w.lookBare()
	if c.part == waf.PartRawBody || hasControl(w.text.decoded) {
		for i, set := range w.free {
			w.bits[i] |= set
		}
	}
	if c.part == waf.PartPath {
		w.add(&c, int(pathTraversal), dotPoints(value, w.text.decoded), 0)
	}
	if hasLookup(w.text.decoded) {
		c.read(&w.text)
		w.add(&c, int(jndiLookup), certainPoints, 0)
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
	if kindsOf(w.text.decoded)&isQuote == 0 && bytes.IndexByte(w.text.decoded, '\n') < 0 {
		return
	}
	w.text.bare = appendBare(w.text.bare, w.text.decoded)
	if len(w.text.bare) < maxTail {
		search.Mark(w.find, w.text.bare, w.sets, w.bits)
	}
}

func hasControl(s []byte) bool {
	for _, c := range s {
		if c < ' ' && c != '\n' && c != '\t' {
			return true
		}
	}
	return false
}

func plusToBlank(s []byte) {
	for i, c := range s {
		if c == '+' {
			s[i] = ' '
		}
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
	c.read(&w.text)
	var soft, hard [classCount]int
	for i, set := range w.bits {
		w.bits[i] = 0
		for ; set != 0; set &= set - 1 {
			s := &w.signs[i*64+bits.TrailingZeros64(set)]
			if c.counts(s) && w.matchesIn(s) {
				if s.where&inProse != 0 {
					hard[s.class] += s.points
				} else {
					soft[s.class] += s.points
				}
			}
		}
	}
	for class := range soft {
		w.add(c, class, soft[class], hard[class])
	}
}

// matchesIn reports whether the text has a sign.
func (w *watch) matchesIn(s *compiled) bool {
	in := w.text.spaced
	switch {
	case s.form == decoded:
		in = w.text.decoded
	case s.form == bare && len(w.text.bare) > 0:
		in = w.text.bare
	}
	cost := len(in)
	if s.re.States() == 0 {
		cost *= slowness
	}
	if w.matches -= cost; w.matches < 0 {
		w.over = true
		return false
	}
	return s.re.MatchBytes(in)
}

// add adds what a value has of a class: points of signs that say less in prose, and of
// others.
func (w *watch) add(c *context, of, soft, hard int) {
	points := c.weigh(class(of), soft) + hard
	if points <= 0 {
		return
	}
	if points < likelyPoints {
		w.sums[of] += points
	}
	if points > w.best[of].points {
		w.best[of] = place2{points, c.part, string(c.name)}
	}
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
	w.started, w.over = false, false
	w.best, w.sums = [classCount]place2{}, [classCount]int{}
	w.findings = w.findings[:0]
}
