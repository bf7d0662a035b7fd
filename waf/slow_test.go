package waf

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/tocsin-project/tocsin/inspect"
	"github.com/tocsin-project/tocsin/lookup"
)

// A slowInput is a request that a search makes out of pieces.
type slowInput struct {
	target, header, contentType, body string
	work                              int
}

// slowPieces are what slow requests are made of: what the rules look for, and what is dear
// to read.
type slowPieces struct{ texts, names []string }

func piecesOf(r *Rules) (p slowPieces) {
	p.texts = []string{"a=&", "%41", "%c3%80", "À", `\u0041`, "' or 1=1 ", "<a b='c'>", "<!--", "/*", "@@x ", "1,", "[", "]", `"`, "&#x41;", " ", "\x00", "//", "..;/", "1e1", "\r\n--own\r\n"}
	for _, c := range r.conds {
		for _, t := range c.tests {
			p.texts = append(p.texts, string(t.op.text))
			if t.name != "" {
				p.names = append(p.names, t.name)
			}
		}
	}
	return p
}

// text returns up to n bytes of a few pieces, again and again.
func (p *slowPieces) text(rng *rand.Rand, n int) string {
	some := ""
	for range 1 + rng.IntN(4) {
		some += p.texts[rng.IntN(len(p.texts))]
	}
	if some == "" {
		some = "x"
	}
	return strings.Repeat(some, n/len(some)+1)[:n]
}

// all returns as many texts as fit into n bytes.
func (p *slowPieces) all(rng *rand.Rand, n int) string {
	var b strings.Builder
	for _, i := range rng.Perm(len(p.texts)) {
		b.WriteString(p.texts[i])
	}
	return b.String()[:min(n, b.Len())]
}

// pairs returns names with a text each.
func (p *slowPieces) pairs(rng *rand.Rand, n int, form string) string {
	var b strings.Builder
	value := p.text(rng, 1+rng.IntN(200))
	for i := 0; b.Len() < n; i++ {
		name := fmt.Sprint("n", i)
		if len(p.names) > 0 && rng.IntN(3) > 0 {
			name = p.names[rng.IntN(len(p.names))]
		}
		fmt.Fprintf(&b, form, name, value)
	}
	return b.String()
}

// body returns a body of each kind, up to n bytes.
func (p *slowPieces) body(rng *rand.Rand, n int) (contentType, body string) {
	switch rng.IntN(7) {
	case 0:
		return formType, p.pairs(rng, n, "%s=%s&")
	case 1:
		return formType, p.names[rng.IntN(len(p.names))] + "=" + p.text(rng, n)
	case 2:
		return "application/json", strings.TrimSuffix("{"+p.pairs(rng, n, "%q:%q,"), ",") + "}"
	case 3:
		depth := 1 + rng.IntN(1000)
		return "application/json", strings.Repeat("[", depth) + strings.Repeat("1,", n/3) + "1" + strings.Repeat("]", depth)
	case 4:
		return "multipart/form-data; boundary=own", p.pairs(rng, n, "--own\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n") + "--own--"
	case 5:
		return "multipart/form-data; boundary=own", strings.Repeat("--own\r\nContent-Disposition: form-data; name=a; filename=\"x.php\"\r\n\r\nX\r\n", n/70) + "--own--"
	}
	return "application/octet-stream", p.text(rng, n)
}

// random returns any request.
func (p *slowPieces) random(rng *rand.Rand, limit int) slowInput {
	var s slowInput
	s.target = "/" + p.all(rng, rng.IntN(60_000))
	if rng.IntN(2) == 0 {
		s.target += "?" + p.pairs(rng, rng.IntN(60_000), "%s=%s&")
	}
	s.header = p.text(rng, 1+rng.IntN(20_000))
	s.contentType, s.body = p.body(rng, limit)
	return s
}

// changed returns a request that differs in one part.
func (s slowInput) changed(rng *rand.Rand, p *slowPieces, limit int) slowInput {
	other := p.random(rng, limit)
	switch rng.IntN(3) {
	case 0:
		s.target = other.target
	case 1:
		s.header = other.header
	default:
		s.contentType, s.body = other.contentType, other.body
	}
	return s
}

// measure counts the work that a request takes.
func (s *slowInput) measure(r *Rules, limit int) {
	req := Request{
		Method: "POST", Target: s.target, Proto: "HTTP/1.1", Host: "own.example", HasBody: true,
		Header: http.Header{"Content-Type": {s.contentType}, "User-Agent": {s.header}, "Cookie": {s.header}, "X-Own": {s.header}},
	}
	in := r.Head(&req)
	defer in.Close()
	in.Body([]byte(s.body[:min(len(s.body), limit)]))
	s.work = in.work
}

// searchSlow looks for the request that takes the most work, uphill from many places.
func searchSlow(r *Rules, tries, limit int) slowInput {
	rng, p := rand.New(rand.NewPCG(1, 2)), piecesOf(r)
	var worst slowInput
	for i := range tries {
		next := p.random(rng, limit)
		if i%4 > 0 {
			next = worst.changed(rng, &p, limit)
		}
		if next.measure(r, limit); next.work > worst.work {
			worst = next
		}
	}
	return worst
}

// Nobody finds a request that takes more work than a bound. With
// what detectors may add, that is less than 2 ms: see BenchmarkWorst in package builtin.
func TestNoRequestTakesLong(t *testing.T) {
	const tries, limit, most = 400, 131_072, 2_450_000
	rules := map[string]*Rules{"of our own": languageRules(t)}
	if os.Getenv("TOCSIN_WAF_SUITE") != "" {
		rules["of CrowdSec's hub"] = allRules(t)
	}
	for name, r := range rules {
		worst := searchSlow(r, tries, limit)
		t.Logf("rules %s: %d units of work: %s with %d bytes of target", name, worst.work, worst.contentType, len(worst.target))
		if worst.work > most {
			t.Errorf("rules %s: %d units of work, want at most %d: target %.200q, %s: %.200q", name, worst.work, most, worst.target, worst.contentType, worst.body)
		}
	}
}

// FuzzWork looks for requests that take more work than a bound.
func FuzzWork(f *testing.F) {
	f.Add("/exact?key=hit", "evil", formType, "a=b&c=d")
	f.Add("/", "x", "application/json", `{"a":[{"b":"deep"}]}`)
	f.Add("/", "x", "multipart/form-data; boundary=own", "--own\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--own--")
	rules := languageRules(f)
	f.Fuzz(func(t *testing.T, target, header, contentType, body string) {
		s := slowInput{target: target, header: header, contentType: contentType, body: body}
		if s.measure(rules, 131_072); s.work > 3_000_000+80*len(body)+20*len(target) {
			t.Errorf("%d units of work", s.work)
		}
	})
}

// What every site gets is far from the bound.
func TestOrdinaryRequestsAreCheap(t *testing.T) {
	rules := languageRules(t)
	for _, s := range samples() {
		in := rules.Head(&s.req)
		in.Body([]byte(s.body))
		if in.Costly() || in.work > 100_000+30*len(s.body) {
			t.Errorf("%s: %d units of work", s.name, in.work)
		}
		in.Close()
	}
}

// An attack that stands behind padding is found: between any bytes in a parameter that
// the rule names, and at the beginning and at the end of any other value.
func TestPaddingHidesNoInjection(t *testing.T) {
	rule := func(variables string) *Rules {
		return compiled(t, "name: own/sql\nrules:\n- and:\n  - zones: [ARGS, BODY_ARGS]\n"+variables+"    match: {type: libinjectionSQL}\n")
	}
	const attack = "1' or 1=1 union select password from users -- "
	words := func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "word%d ", i)
		}
		return b.String()
	}
	for _, row := range []struct {
		name, variables, value string
		found, over            bool
	}{
		{"nothing", "", "O'Brien", false, false},
		{"a long text", "", words(4000), false, false},
		{"an attack", "", attack, true, false},
		{"behind blanks", "", strings.Repeat(" ", 100_000) + attack, true, false},
		{"behind one letter", "", strings.Repeat("a", 100_000) + attack, true, false},
		{"in a comment full of one letter", "", "1/*" + strings.Repeat("a", 100_000) + "*/ or 1=1 union select password from users -- ", true, false},
		{"at the end of words", "", words(9000) + attack, true, false},
		{"at the end of many words", "", words(100_000) + attack, true, false},
		{"before many words", "", attack + words(100_000), true, false},
		{"amid many words", "", words(50_000) + attack + words(50_000), true, false},
		{"amid many words, behind other quotes", "", words(20_000) + "it's, \"quoted\", " + words(30_000) + attack + words(50_000), true, false},
		{"amid many words and quotes", "", strings.Repeat("word's ", 7000) + attack + words(50_000), false, true},
		{"no attack, but many words and quotes", "", strings.Repeat("word's and \"more\" words, ", 4000), false, true},
		{"amid many words and quotes in a parameter with a name", "    variables: [id]\n", strings.Repeat("word's ", 7000) + attack + words(50_000), true, true},
		{"amid many words in a parameter with a name", "    variables: [id]\n", words(50_000) + attack + words(50_000), true, false},
	} {
		in := rule(row.variables).Head(&Request{Method: "POST", Target: "/", HasBody: true, Header: http.Header{"Content-Type": {formType}}})
		in.Body([]byte("id=" + row.value))
		if _, found := in.Stop(); found != row.found || in.Over() != row.over {
			t.Errorf("%s: found: %v, over: %v", row.name, found, in.Over())
		}
		in.Close()
	}
}

// So is a script, in a tag or behind a quote.
func TestPaddingHidesNoScript(t *testing.T) {
	rules := compiled(t, "name: own/xss\nrules:\n- and:\n  - zones: [BODY_ARGS]\n    match: {type: libinjectionXSS}\n")
	var words strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&words, "word%d ", i)
	}
	for text, want := range map[string]bool{"": false, "<script>alert(1)</script>": true, "\" onmouseover=alert(1) \"": true, "1 < 2 and 3 > 2": false} {
		in := rules.Head(&Request{Method: "POST", Target: "/", HasBody: true, Header: http.Header{"Content-Type": {formType}}})
		in.Body([]byte("id=" + url.QueryEscape(words.String()+text+words.String())))
		if _, found := in.Stop(); found != want {
			t.Errorf("%q: found: %v", text, found)
		}
		in.Close()
	}
}

// Many values with an injection to look for in each are no way around it either.
func TestManyValuesHideNoInjection(t *testing.T) {
	rules := compiled(t, "name: own/sql\nrules:\n- and:\n  - zones: [ARGS]\n    variables: [id]\n    match: {type: libinjectionSQL}\n")
	in := rules.Head(&Request{Method: "GET", Target: "/?" + strings.Repeat("id="+strings.Repeat("x+y+", 100)+"&", 60) + "id=1'+or+1=1--+"})
	defer in.Close()
	if _, found := in.Stop(); !found {
		t.Error("it passes")
	}
}

// What was made to be slow meets a challenge at least: what was not looked at may be an
// attack. If the head alone was, no challenge helps.
func TestWhatWasMadeToBeSlow(t *testing.T) {
	for _, row := range []struct {
		cfg        Config
		body, head string
	}{
		{Config{}, "captcha 403", "ban 403"},
		{Config{BodyOver: lookup.Captcha}, "captcha 403", "ban 403"},
		{Config{BodyOver: lookup.Ban}, "ban 403", "ban 403"},
		{Config{BodyOver: lookup.Ban, Observe: true}, "none 0", "none 0"},
	} {
		i := inspector(t, row.cfg)
		in := i.rules.Head(&Request{Method: "GET", Target: "/"})
		in.spend(2_000_001)
		for head, want := range map[bool]string{false: row.body, true: row.head} {
			var v inspect.Verdict
			i.cutOff(&v, cutBody{why: in.cutOr(LongBody), head: head}, &inspect.Details{})
			if got := said(v); got != want {
				t.Errorf("%+v, head: %v: %s, want %s", row.cfg.BodyOver, head, got, want)
			}
		}
		in.Close()
	}
}

// A head that takes all the work is refused, whether its client has a pass or not, and what
// follows is not searched.
func TestAHeadThatTakesAllTheWork(t *testing.T) {
	rules := compiled(t, "name: own/regex\nrules:\n- and:\n  - zones: [ARGS]\n    match: {type: regex, value: 'a[b-y]{3}z'}\n- and:\n  - zones: [ARGS]\n    match: {type: regex, value: 'a[b-x]{3}z'}\n")
	i := inspector(t, Config{Rules: rules})
	r := httptest.NewRequest(http.MethodPost, "/?"+strings.Repeat("a=abc&", 10_000), strings.NewReader("x=1"))
	v, err := i.Inspect(r, inspect.Details{Client: client})
	if got := said(v); err != nil || got != "ban 403" {
		t.Errorf("%s, %v", got, err)
	}
}

// Neither thousands of values nor deep ones hide a value of JSON that a rule names.
func TestPaddingHidesNoValueOfJSON(t *testing.T) {
	rules := compiled(t, "name: own/named\nrules:\n- zones: [BODY_ARGS]\n  variables: [json.user.cmd]\n  match: {type: contains, value: evil}\n")
	const attack = `"user":{"Cmd":"evil"}`
	deep := strings.Repeat(`{"a_name_of_some_length":`, 900) + "[" + strings.Repeat("1,", 2000) + "1]" + strings.Repeat("}", 900)
	for name, body := range map[string]string{
		"alone":                        "{" + attack + "}",
		"behind numbers":               `{"a":[` + strings.Repeat("1,", 20_000) + "1]," + attack + "}",
		"behind texts":                 `{"a":[` + strings.Repeat(`"x",`, 20_000) + "1]," + attack + "}",
		"behind values of that name":   `{"a":[` + strings.Repeat(`{"user":{"cmd":"x"}},`, 4000) + "1]," + strings.Repeat(`"user":{"cmd":"x"},`, 500) + attack + "}",
		"behind what is deep":          `{"a":` + deep + "," + attack + "}",
		"behind what is deep and wide": `{"a":` + deep + `,"b":[` + strings.Repeat("1,", 20_000) + "1]," + attack + "}",
	} {
		in := rules.Head(&Request{Method: "POST", Target: "/", HasBody: true, Header: http.Header{"Content-Type": {"application/json"}}})
		in.Body([]byte(body))
		if _, found := in.Stop(); !found {
			t.Errorf("%s: it passes, over: %v, costly: %v, %d bytes", name, in.Over(), in.Costly(), len(body))
		}
		in.Close()
	}
}
