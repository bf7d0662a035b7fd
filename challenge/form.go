package challenge

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxForm       = 64 << 10 // bytes of a form that the page keeps
	maxFields     = 1000     // as many as PHP accepts
	maxWaitForm   = 1 << 10
	waitField     = "tocsin-answer="
	formMediaType = "application/x-www-form-urlencoded"
)

// sameOrigin reports whether the browser says that a page of the same origin sent r.
// Over plain HTTP, browsers do not send Sec-Fetch-Site, so the Origin header decides.
func sameOrigin(r *http.Request) bool {
	if site, ok := r.Header["Sec-Fetch-Site"]; ok || r.TLS != nil {
		return len(site) == 1 && site[0] == "same-origin"
	}
	origin := r.Header["Origin"]
	return len(origin) == 1 && origin[0] == "http://"+r.Host
}

// otherOrigin reports whether the browser says that a page of another origin sent r. Old
// browsers and those without scripts, such as Lynx, say nothing about that.
func otherOrigin(r *http.Request) bool {
	if site, ok := r.Header["Sec-Fetch-Site"]; ok {
		return len(site) != 1 || site[0] != "same-origin"
	}
	switch origin := r.Header["Origin"]; {
	case len(origin) == 0:
		return false
	case len(origin) > 1:
		return true
	default:
		return origin[0] != "https://"+r.Host && (r.TLS != nil || origin[0] != "http://"+r.Host)
	}
}

// isOwnForm reports whether r is a form of one of the site's own pages, of at most
// limit bytes.
func isOwnForm(r *http.Request, limit int64) bool {
	return sameOrigin(r) && isForm(r, limit)
}

// isForm reports whether r is a form of at most limit bytes.
func isForm(r *http.Request, limit int64) bool {
	if r.Method != http.MethodPost || r.ContentLength < 0 || r.ContentLength > limit {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == formMediaType
}

// keptForm returns the form that r posts, so that the page can post it again after the
// challenge, and whether a form is lost. It never keeps a form of another site: posted
// again, it would look to the application like one of its own.
func keptForm(w http.ResponseWriter, r *http.Request) (form []field, lost bool) {
	if r.Method != http.MethodPost {
		return nil, false
	}
	if !isOwnForm(r, maxForm) {
		return nil, true
	}
	body, err := readBody(w, r, maxForm)
	if err != nil || bytes.Count(body, []byte("&")) >= maxFields {
		return nil, true
	}
	form = []field{}
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		f, ok := unescaped(name, value)
		if !ok {
			return nil, true
		}
		form = append(form, f)
	}
	return form, false
}

// unescaped returns a field of a form, and whether a page in UTF-8 can contain it
// unchanged.
func unescaped(name, value string) (f field, ok bool) {
	name, err := url.QueryUnescape(name)
	if err != nil {
		return f, false
	}
	value, err = url.QueryUnescape(value)
	if err != nil || !utf8.ValidString(name+value) || strings.Contains(name+value, "\x00") {
		return f, false
	}
	return field{name, value}, true
}

const bodyTimeout = 10 * time.Second

// readBody reads the body of r, at most limit bytes. A deadline ends the connection of
// a client that sends slowly.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	// Writers of tests cannot set a deadline, so the error is ignored.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	return io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
}

// isWaitForm reports whether r is the form of a visitor who waited. Its token is for that
// visitor alone, so a browser need not say which page sent it. The body of r still has
// all its bytes.
func isWaitForm(r *http.Request) bool {
	if r.Body == nil || r.ContentLength < int64(len(waitField)) || otherOrigin(r) || !isForm(r, maxWaitForm) {
		return false
	}
	start := make([]byte, len(waitField))
	n, err := io.ReadFull(r.Body, start)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	rest := io.Reader(r.Body)
	if err != nil {
		rest = failing{err}
	}
	r.Body = &rereadBody{io.MultiReader(bytes.NewReader(start[:n]), rest), r.Body}
	return string(start[:n]) == waitField
}

// A rereadBody is a body whose first bytes were read and put back.
type rereadBody struct {
	io.Reader
	io.Closer
}

// failing is a reader that always returns an error.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// waitToken returns the token in the form of a visitor who waited.
func waitToken(form []byte) string {
	text, _ := strings.CutPrefix(string(form), waitField)
	text, _, _ = strings.Cut(text, "&")
	return text
}
