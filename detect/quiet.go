package detect

import (
	"net/http"
	"slices"

	"github.com/tocsin-project/tocsin/event"
)

// isQuiet reports whether nothing in the event can be part of a login. This is so for almost
// all events.
func (v *view) isQuiet() bool {
	if v.quiet.gen != v.gen {
		v.quiet = quietness{v.gen, v.judgeQuiet()}
	}
	return v.quiet.is
}

// A quietness remembers whether an event is quiet, computed once.
type quietness struct {
	gen uint32 // the generation of the view it belongs to: see view.gen
	is  bool
}

func (v *view) judgeQuiet() bool {
	return (v.evt.Method == http.MethodGet || v.evt.Method == http.MethodHead) &&
		len(v.evt.Header["Set-Cookie"]) == 0 && !showsKey(v.evt.Request) && !v.queryHasPassword() && !v.refusesQueryKey()
}

// showsKey reports whether a request's headers have credentials, or a key in its own field.
func showsKey(h http.Header) bool {
	if len(h) == 0 { // the usual case
		return false
	}
	return len(h["Authorization"]) > 0 || slices.ContainsFunc(keyFields, func(name string) bool { return len(h[name]) > 0 })
}

// queryHasPassword reports whether the query may have a field for a password, or for a proof
// of one.
func (v *view) queryHasPassword() bool {
	return event.ShowsPassword(v.args[:min(len(v.args), maxTarget)])
}

// refusesQueryKey reports whether the answer may mean that a key in the query is wrong.
func (v *view) refusesQueryKey() bool {
	if v.evt.Status != http.StatusUnauthorized && v.evt.Status != http.StatusForbidden {
		return false
	}
	return new(attempt).readQueryKey(v.args)
}
