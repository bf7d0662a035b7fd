package detect

import (
	"net/http"
	"slices"

	"github.com/tocsin-project/tocsin/event"
)

// isQuiet reports whether nothing in the event can have to do with a login, which is
// so for nearly all.
func (v *view) isQuiet() bool {
	if v.quiet.gen != v.gen {
		v.quiet = quietness{v.gen, v.judgeQuiet()}
	}
	return v.quiet.is
}

// A quietness is whether an event is quiet, found out once.
type quietness struct {
	gen uint32 // of the view that it was found for: see view.gen
	is  bool
}

func (v *view) judgeQuiet() bool {
	return (v.evt.Method == http.MethodGet || v.evt.Method == http.MethodHead) &&
		len(v.evt.Header["Set-Cookie"]) == 0 && !showsKey(v.evt.Request) && !v.queryHasPassword() && !v.refusesQueryKey()
}

// showsKey reports whether a request's header has credentials, or a key in a field of
// its own.
func showsKey(h http.Header) bool {
	if len(h) == 0 { // mostly
		return false
	}
	return len(h["Authorization"]) > 0 || slices.ContainsFunc(keyFields, func(name string) bool { return len(h[name]) > 0 })
}

// queryHasPassword reports whether the query may name a password, or a proof of one.
func (v *view) queryHasPassword() bool {
	return event.ShowsPassword(v.args[:min(len(v.args), maxTarget)])
}

// refusesQueryKey reports whether a key in the query may be wrong.
func (v *view) refusesQueryKey() bool {
	if v.evt.Status != http.StatusUnauthorized && v.evt.Status != http.StatusForbidden {
		return false
	}
	return new(attempt).readQueryKey(v.args)
}
