package builtin

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tocsin-project/tocsin/waf"
)

// worst are bodies that are made to cost: all literals, and prefixes that many patterns go
// far into.
func worst() map[string]string {
	d := newDetector()
	var literals []string
	for i := range d.signs {
		literals = append(literals, d.signs[i].literals...)
	}
	slices.Sort(literals)
	literals = slices.Compact(literals)
	r := rand.New(rand.NewPCG(1, 2))
	var random strings.Builder
	for random.Len() < 1<<20 {
		random.WriteString(literals[r.IntN(len(literals))])
		random.WriteByte("'\"`<>{}()$;|&/ =\\."[r.IntN(17)])
	}
	all := map[string]string{
		"random literals": random.String(), "one token": "'" + strings.Repeat("a'or(", 200<<10), "handlers": strings.Repeat("<a onx=", 100<<10),
		"comments": "union" + strings.Repeat("/**/", 200<<10), "ups": strings.Repeat("../", 300<<10), "lookups": strings.Repeat("${", 400<<10),
		"nested lookups": strings.Repeat("${a:${b:-", 100<<10), "escapes": strings.Repeat("%25", 300<<10), "entities": strings.Repeat("&#x26;", 150<<10),
		"calls": strings.Repeat("login(", 150<<10), "colons": strings.Repeat("javascript\x01:", 80<<10), "nulls": strings.Repeat("a\x00='", 200<<10),
		"braces": strings.Repeat("{{7*", 200<<10), "selects": "1 union " + strings.Repeat("select case when ", 60<<10), "pickles": "\x80\x04" + strings.Repeat("cos\nsystem", 80<<10),
	}
	return all
}

// Nobody can make a request cost much, whatever is in it and however it is cut into values:
// not more than some ordinary requests with as large a body.
func TestNoRequestCostsMuch(t *testing.T) {
	rules := own(t)
	ordinary := samples()[4]
	for name, text := range worst() {
		for _, cut := range []int{64, 200, 1 << 10, 8 << 10, 1 << 20} {
			s := sent{"POST", "/", browser(), cutInto(text[:min(len(text), 256<<10)], cut)}
			s.header.Set("Content-Type", "application/x-www-form-urlencoded")
			if times, ok := comparedTo(rules, &ordinary, &s); !ok {
				t.Errorf("%s in values of %d bytes: %v times an ordinary request", name, cut, times)
			}
		}
	}
}

// comparedTo returns how much longer a request takes than another one, side by side, and
// whether that is bounded. A busy machine may disturb some tries.
func comparedTo(rules *waf.Rules, other, s *sent) (times time.Duration, ok bool) {
	least, leastOther := time.Hour, time.Hour
	for range 12 {
		leastOther = min(leastOther, timeOf(rules, other))
		least = min(least, timeOf(rules, s))
		if least <= 30*leastOther {
			return least / leastOther, true
		}
	}
	return least / leastOther, false
}

func timeOf(rules *waf.Rules, s *sent) time.Duration {
	req := waf.Request{Method: s.method, Target: s.target, Proto: "HTTP/1.1", Header: s.header, HasBody: true}
	body := []byte(s.body)
	start := time.Now()
	in := rules.Head(&req)
	in.Body(body)
	in.Close()
	return time.Since(start)
}

// cutInto makes a form of values.
func cutInto(text string, size int) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(size, len(text))
		b.WriteString("a=")
		for i := range n {
			if c := text[i]; c == '&' || c == '%' || c == '+' {
				b.WriteString(map[byte]string{'&': "%26", '%': "%25", '+': "%2b"}[c])
			} else {
				b.WriteByte(c)
			}
		}
		b.WriteByte('&')
		text = text[n:]
	}
	return b.String()
}
