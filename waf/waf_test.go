package waf

import (
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// baseConfig has bodies read by their Content-Type.
const baseConfig = "name: base\nseclang_rules:\n- SecRule REQUEST_HEADERS:Content-Type \"@rx ^application/json\" \"id:1,phase:1,pass,ctl:requestBodyProcessor=JSON\"\n"

// compiled returns rules of files with these contents, and a base-config.
func compiled(t testing.TB, contents ...string) *Rules {
	t.Helper()
	c := newCompiler(t.TempDir())
	c.rules.base = true
	for _, content := range contents {
		doc, err := parseRules([]byte(content))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.file(ruleFile{doc: doc, path: doc.Name + ".yaml"}); err != nil {
			t.Fatal(err)
		}
	}
	return c.finish()
}

// exhaustive returns rules that are asked whatever leads to them.
func exhaustive(r *Rules) *Rules {
	for g := range r.groups {
		put(r.free, g)
	}
	return r
}

// languageRules returns the rules of our own suite.
func languageRules(t testing.TB) *Rules {
	t.Helper()
	dir := filepath.Join("testdata", "suite", "language")
	return loadSuite(t, LoadConfig{Paths: []string{filepath.Join(dir, "rules")}})
}

// FuzzInspect checks that nothing in a request brings an inspection down, and that the
// index leads to every rule that matches.
func FuzzInspect(f *testing.F) {
	f.Add("GET", "/exact?key=hit#x", "X-Own: evil\nCookie: own=bad", "text/xml", "<!entity")
	f.Add("POST", "/and?a=1", "", "application/x-www-form-urlencoded", "b=2&f=body+evil")
	f.Add("POST", "/", "", "application/json", `{"a":[{"b":"deep"}],"list":[1,2,3]}`)
	f.Add("POST", "/", "", "multipart/form-data; boundary=own", "--own\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.php\"\r\n\r\nx\r\n--own--\r\n")
	rules, all := languageRules(f), exhaustive(languageRules(f))
	f.Fuzz(func(t *testing.T, method, target, headers, contentType, body string) {
		req := Request{Method: method, Target: target, Proto: "HTTP/1.1", Host: "own.example.test", Header: http.Header{}, HasBody: true}
		for line := range strings.SplitSeq(headers, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			req.Header.Add(name, value)
		}
		req.Header.Set("Content-Type", contentType)
		got, want := judged(rules, req, body), judged(all, req, body)
		if !slices.Equal(got.Rules, want.Rules) {
			t.Errorf("stopped by %q, want %q", got.Rules, want.Rules)
		}
	})
}

func judged(rules *Rules, req Request, body string) finding {
	in := rules.Head(&req)
	defer in.Close()
	in.Body([]byte(body))
	return findingOf(in)
}

// FuzzRules checks that no file of rules brings loading or inspecting down.
func FuzzRules(f *testing.F) {
	f.Add("name: a\nrules:\n- and:\n  - zones: [ARGS, URI]\n    variables: ['/x/']\n    match: {type: regex, value: '[a-z]+'}\n  - or: []\n", "/?x=y")
	f.Add("name: a\nrules:\n- zones: [BODY_ARGS]\n  variables: [a]\n  transform: [count, lowercase]\n  match: {type: gte, value: 1, not: true}\n", "/")
	f.Add("name: a\nrules:\n- zones: [URI]\n  match: {type: contains, value: '%{REQUEST_METHOD}\\\"'}\n", "/GET")
	f.Add(baseConfig, "/")
	f.Fuzz(func(t *testing.T, content, target string) {
		doc, err := parseRules([]byte(content))
		if err != nil || strings.Contains(content, "fromFile") {
			return
		}
		c := newCompiler(t.TempDir())
		if c.file(ruleFile{doc: doc}) != nil {
			return
		}
		rules := c.finish()
		judged(rules, Request{Method: "GET", Target: target}, "")
		judged(rules, Request{Method: "POST", Target: target, HasBody: true, Header: http.Header{"Content-Type": {formType}}}, "a=b&x=y")
	})
}

// FuzzNumber compares numbers with those of package strconv.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"", "-", "+5", "007", "-9223372036854775808", "-9223372036854775809", "9223372036854775807", "9223372036854775808", "99999999999999999999x", "1_0", "0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, err := strconv.Atoi(s)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			want = 0
		}
		if got := atoi(s); got != want {
			t.Errorf("%q is %d, want %d", s, got, want)
		}
	})
}
