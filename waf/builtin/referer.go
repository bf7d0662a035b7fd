package builtin

import (
	"bytes"

	"github.com/tocsin-project/tocsin/waf"
)

// lookReferer looks at what people have searched for on the page that a request comes from,
// and returns the rest of the address. Browsers repeat that address for each part of a page.
// So after a search for an attack, which was judged when the page was requested, the parts of
// its results must not be stopped: they show no challenge.
func (w *watch) lookReferer(name, value []byte) (rest []byte) {
	start := bytes.IndexByte(value, '?') + 1
	if start == 0 || len(value) > maxText || !hasAnyPrefix(value, "https://", "http://") {
		return value
	}
	w.rest = append(w.rest[:0], value[:start]...)
	for pairs := value[start:]; len(pairs) > 0; {
		pair := pairs
		if end := bytes.IndexAny(pairs, "&#"); end >= 0 {
			pair = pairs[:end+1]
		}
		pairs = pairs[len(pair):]
		is := bytes.IndexByte(pair, '=') + 1
		if is == 0 || !isOneOf(lastName(pair[:is-1]), searchNames) {
			w.rest = append(w.rest, pair...)
			continue
		}
		w.rest = append(w.rest, pair[:is]...)
		w.look(context{part: waf.PartHeader, name: name, isSearched: true}, pair[is:])
	}
	return w.rest
}
