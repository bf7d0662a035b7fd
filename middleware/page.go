package middleware

import (
	"cmp"
	_ "embed" // for the built-in page
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/tocsin-project/tocsin/internal/page"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// PageConfig describes a page. The zero PageConfig is the built-in one, in the
// visitor's language if that is one of Arabic, Chinese, Dutch, English, French,
// German, Italian, Japanese, Polish, Portuguese, Russian, Spanish and Turkish.
type PageConfig struct {
	// Template is the source of the HTML page in the language of [html/template]; its
	// data is a [PageData]. It may hold style sheets and images as data URLs. The
	// Content-Security-Policy forbids scripts and all files that a browser would fetch.
	// Default: the built-in page.
	Template string

	// Name is the template's name in errors, such as its file name. Default: "page".
	Name string

	// Title is the heading for clients that are banned, in every language. Default:
	// "Access denied" in the visitor's language.
	Title string

	// Contact is the contact for clients that are stopped by mistake: an http or https
	// URL, or a mail address with or without "mailto:". The reference is put into the
	// subject of the mail, or replaces {ref} in the URL. Default: none.
	Contact string

	// Accent is the colour of the built-in page, as #rgb or #rrggbb. If it would make
	// text hard to read, a lighter or darker shade of it is used. Default: a red.
	Accent string

	// FrameAncestors are the origins whose pages may show this one in a frame, such
	// as https://example.com, https://*.example.com or 'self'. Default: none.
	FrameAncestors []string

	// Explain returns who made the decision of a stop, and the https address of a page that
	// explains it; empty if it has no such page. It must not wait. Default: no explanation.
	Explain func(*Stop) (by, link string)

	// Logger gets a line, at most once a minute, if Template fails on a stop although
	// it did not fail in [NewPage]. Default: none.
	Logger *zap.Logger
}

// accent is the colour of the built-in page.
const accent = "#b3261e"

// PageData is the data of the template.
type PageData struct {
	*Stop                    // as {{.Ref}}, {{.Status}}, {{.Client}}, {{.Decision.Reason}}
	Lang        string       // language of Title and Detail, such as "en"
	Dir         string       // direction of the text, "ltr" or "rtl"
	Title       string       // the heading, two or three words
	Detail      string       // the same in a sentence
	Contact     string       // URL of the operator's contact; empty: none
	ContactText string       // the text of that link
	Explain     string       // address of a page that explains the decision; empty: none
	ExplainText string       // the text of that link
	Style       template.CSS // style sheet of the built-in page
}

// A Page is an [http.Handler] that answers stopped requests, each with the Status of
// the [Stop] in its context, or with 403 if there is none. It reads only the method of
// the request and what the client accepts. It shows only the kind of decision: the
// reason is in the log, under the same reference, or on the page that Explain links to.
//
// The built-in page is rendered once for each language and kind of stop, when the first
// client needs it. So share a Page between sites with the same look.
type Page struct {
	html   *template.Template // the operator's, or the built-in one
	own    bool               // html is the operator's
	title  string             // for banned clients; empty: the text in the visitor's language
	look   *page.Look
	policy string // Content-Security-Policy
	log    *zap.Logger
	failed sampler // of errors of html

	explain func(*Stop) (by, link string)

	prepared map[*page.Words]*[2 * kinds]prepared // the second half is with an explanation
	buffers  sync.Pool                            // of *[]byte
}

//go:embed page.html
var pageHTML string

var builtin = template.Must(template.New("page").Parse(pageHTML))

// NewPage returns a page. It tests a template with samples, one of them almost empty.
// So it refuses a template that fails now, with its name and line, and not at the first
// stopped client.
func NewPage(cfg PageConfig) (*Page, error) {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Explain == nil {
		cfg.Explain = func(*Stop) (by, link string) { return "", "" }
	}
	look, err := page.NewLook(page.Theme{Contact: cfg.Contact, Accent: cfg.Accent, FrameAncestors: cfg.FrameAncestors}, accent)
	if err != nil {
		return nil, fmt.Errorf("making page: %w", err)
	}
	p := &Page{html: builtin, title: cfg.Title, look: look, log: cfg.Logger, failed: newSampler(), explain: cfg.Explain}
	style := page.Hash(look.Style)
	if cfg.Template != "" {
		style = "'unsafe-inline'" // safe: the template escapes all data of the request
		if err := p.setTemplate(cfg); err != nil {
			return nil, err
		}
	}
	p.policy = "default-src 'none'; style-src " + style +
		"; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors " + look.Frames
	p.prepared = make(map[*page.Words]*[2 * kinds]prepared)
	for _, w := range page.Languages() {
		p.prepared[w] = new([2 * kinds]prepared)
	}
	p.buffers.New = func() any { return new([]byte) }
	return p, nil
}

// setTemplate sets the operator's template, after a test with samples.
func (p *Page) setTemplate(cfg PageConfig) error {
	html, err := template.New(cmp.Or(cfg.Name, "page")).Parse(cfg.Template)
	if err != nil {
		return fmt.Errorf("parsing template of page: %w", err)
	}
	p.html, p.own = html, true
	for _, s := range sampleStops() {
		if _, err := page.Execute(p.html, p.describe(s, page.English())); err != nil {
			return fmt.Errorf("trying template of page for status %d: %w", s.Status, err)
		}
	}
	return nil
}

// sampleStops returns stops with and without each part that can make a template fail.
func sampleStops() []*Stop {
	now := time.Now()
	ip := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	full := lookup.Decision{
		Prefix: netip.PrefixFrom(ip, 32),
		Action: lookup.Ban,
		Source: "lapi", Origin: "crowdsec", Reason: "crowdsecurity/http-probing",
		Since: now, Until: now.Add(time.Hour),
	}
	throttle := full
	throttle.Action = lookup.Throttle
	return []*Stop{newStop(full, ip), newStop(throttle, ip), bareStop()}
}

// bareStop replaces a missing Stop in the context, because the caller wants to stop the
// request.
func bareStop() *Stop {
	return &Stop{Status: http.StatusForbidden, Ref: newRef(), Time: time.Now()}
}

// ServeHTTP answers r in a form for its client: an HTML page in the visitor's language
// to a browser that navigates, application/problem+json (RFC 9457) to scripts, and
// plain text to all others, both in English. HEAD gets the same without the body. It
// does not read the body of r, and keeps headers that other handlers have set.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := FromContext(r.Context())
	if !ok {
		s = bareStop()
	}
	p.ServeStop(w, r, s)
}

// ServeStop is ServeHTTP for a stop that the context of r does not have.
func (p *Page) ServeStop(w http.ResponseWriter, r *http.Request, s *Stop) {
	if s.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(page.Ceil(s.RetryAfter, time.Second)))
	}
	a := page.Answer{Status: s.Status}
	f := page.Negotiate(r.Header)
	if f == page.HTML {
		words := page.WordsFor(r.Header.Get("Accept-Language"))
		buffer := p.buffers.Get().(*[]byte)
		defer p.buffers.Put(buffer) // writers do not keep their argument
		body, err := p.appendHTML((*buffer)[:0], s, words)
		if err == nil {
			*buffer = body
			a.ContentType, a.Lang, a.Body = page.TypeHTML, words.Lang, body
			a.Policy, a.Referrer = p.policy, "no-referrer"
			a.Send(w, r)
			return
		}
		// The request stays stopped even if its page fails.
		if p.failed.due() {
			p.log.Error("the template of the page failed: the client gets plain text", zap.String("ref", s.Ref), zap.Error(err))
		}
	}
	if f == page.ProblemJSON {
		a.Body, a.ContentType = problem(p.describe(s, page.English())), page.TypeProblem
		a.Send(w, r)
		return
	}
	buffer := p.buffers.Get().(*[]byte)
	defer p.buffers.Put(buffer)
	*buffer = p.appendText((*buffer)[:0], s)
	a.Body, a.ContentType = *buffer, page.TypeText
	a.Send(w, r)
}
