package detect

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tocsin-project/tocsin/event"
)

// An act is a request of a conduct, and what the site answers.
type act struct {
	gap    float64 // seconds since the one before
	method string  // empty: GET, or POST with a body
	target string
	status int

	agent  string
	header string // of the request: fields between bars, such as Accept: */*|Origin: https://a.example
	body   string
	json   bool // the body is JSON, and no form

	location, cookie, auth string // of the response
	kind                   string // its content type
	size                   int64
	answer                 string
	from                   string // empty: 203.0.113.5
}

// A conduct is what somebody does, act by act.
type conduct struct {
	name string
	acts []act
}

// acts returns n acts, a gap apart.
func acts(n int, gap float64, f func(i int) act) []act {
	list := make([]act, n)
	for i := range list {
		list[i] = f(i)
		list[i].gap += gap
	}
	return list
}

// gets returns a GET of each target, answered by a status.
func gets(gap float64, status int, targets ...string) []act {
	return acts(len(targets), gap, func(i int) act { return act{target: targets[i], status: status} })
}

// by returns the acts with a user agent.
func by(agent string, acts ...[]act) []act {
	var all []act
	for _, list := range acts {
		for _, a := range list {
			a.agent = agent
			all = append(all, a)
		}
	}
	return all
}

// sending returns the acts with fields in the header of each request.
func sending(header string, acts []act) []act {
	all := append([]act(nil), acts...)
	for i := range all {
		all[i].header = strings.Trim(all[i].header+"|"+header, "|")
	}
	return all
}

// mixed returns the acts of the lists in turns.
func mixed(lists ...[]act) []act {
	var all []act
	for i := 0; ; i++ {
		more := false
		for _, list := range lists {
			if i < len(list) {
				all, more = append(all, list[i]), true
			}
		}
		if !more {
			return all
		}
	}
}

// events returns what a detector sees of the conduct. Traces have no bodies of
// responses, servers do: without strips them.
func (m conduct) events(without bool) []*event.Event {
	var all []*event.Event
	now := began
	for _, a := range m.acts {
		now = now.Add(time.Duration(a.gap * float64(time.Second)))
		all = append(all, a.event(now, without))
	}
	return all
}

func (a act) event(now time.Time, without bool) *event.Event {
	e := &event.Event{
		Time: now, Ended: now, Client: netip.MustParseAddr("203.0.113.5"), Method: a.method, Target: a.target, Status: a.status,
		Host: "site.example", Proto: "HTTP/2.0", Body: []byte(a.body), Request: http.Header{}, Header: http.Header{},
	}
	if a.from != "" {
		e.Client = netip.MustParseAddr(a.from)
	}
	if e.Method == "" {
		e.Method = http.MethodGet
		if a.body != "" {
			e.Method = http.MethodPost
		}
	}
	if a.body != "" {
		e.Request.Set("Content-Type", mediaForm)
		if a.json {
			e.Request.Set("Content-Type", mediaJSON)
		}
	}
	set(e.Request, "User-Agent", a.agent)
	for field := range strings.SplitSeq(a.header, "|") {
		name, value, _ := strings.Cut(field, ": ")
		set(e.Request, name, value)
	}
	set(e.Header, "Location", a.location)
	set(e.Header, "Set-Cookie", a.cookie)
	set(e.Header, "Www-Authenticate", a.auth)
	if !without {
		e.Size, e.ContentType, e.Answer = a.size, a.kind, []byte(a.answer)
	}
	if host := e.Request.Get("Host"); host != "" {
		e.Host = host
	}
	e.UserAgent, e.Referer = e.Request.Get("User-Agent"), e.Request.Get("Referer")
	e.Attribution = event.AttributionOf(e.Request, e.Host)
	return e
}

func set(h http.Header, name, value string) {
	if name != "" && value != "" {
		h.Set(name, value)
	}
}

// Texts that several tests use.
const (
	chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	fox    = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
	iphone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)

// plainWords are words that no dictionary of scanners has at its top.
var plainWords = strings.Fields(`amber basil cedar dahlia ember fennel ginger hazel iris juniper kelp laurel maple nettle olive poppy quince
	rowan saffron thyme umbra violet willow xenia yarrow zinnia alder birch clover daisy elder fig gorse heather ivy jasmine koa lotus mint
	nutmeg orchid parsley quill reed sage tulip ulmus vetch walnut yucca aspen briar cress dill elm fern garlic holly indigo jade kale lily`)

func word(i int) string {
	w := plainWords[i%len(plainWords)]
	if i >= len(plainWords) {
		w += fmt.Sprint("-", plainWords[i/len(plainWords)%len(plainWords)])
	}
	return w
}

// digits returns n digits that look like part of a hash.
func digits(i, n int) string {
	x, out := uint64(i)*0x9e3779b97f4a7c15+0x1234567, ""
	for len(out) < n {
		x = x*6364136223846793005 + 1442695040888963407
		out += fmt.Sprintf("%08x", x>>32)
	}
	return out[:n]
}

func uuid(i int) string {
	h := digits(i, 32)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// form returns a POST of a form.
func form(target, body string, status int) act {
	return act{target: target, body: body, status: status}
}

// What else there is to an act.
func (a act) of(word string) act  { a.target = fmt.Sprintf(a.target, word); return a }
func (a act) to(where string) act { a.location = where; return a }
func (a act) session() act        { a.cookie = "session=abc; Path=/; HttpOnly"; return a }
func (a act) js() act             { a.json = true; return a }
func (a act) at(from string) act  { a.from = from; return a }

// ok returns a GET of a page that is there, which is as long as no other.
func ok(target string) act {
	size := int64(0)
	for i := range len(target) {
		size = (size*31 + int64(target[i])) % 40009
	}
	return act{target: target, status: 200, kind: "text/html", size: 2000 + size}
}

// basicOf returns a header with credentials of Basic.
func basicOf(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func (a act) saying(s string) act { a.answer = s; return a }
