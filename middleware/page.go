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
	// Template is the source of the HTML page in the language of
	// [html/template]; its data is a [PageData]. It may hold style sheets and
	// images as data URLs. The answer's Content-Security-Policy forbids all
	// else: scripts, and whatever would have to be fetched. Default: the
	// built-in page.
	Template string

	// Name is what errors call the template, such as its file name. Default:
	// "page".
	Name string

	// Title is the heading for clients that are banned, in every language. Default:
	// "Access denied" in the visitor's language.
	Title string

	// Contact is the contact for clients that are stopped by mistake: an http or https
	// URL, or a mail address with or without "mailto:". The reference stands in
	// the subject of the mail, or replaces {ref} in the URL. Default: none.
	Contact string

	// Accent is the colour of the built-in page, as #rgb or #rrggbb. Where text
	// in it could not be read, one of its shades is taken. Default: a red.
	Accent string

	// FrameAncestors are the origins whose pages may show this one in a frame, such
	// as https://example.com, https://*.example.com or 'self'. Default: none.
	FrameAncestors []string

	// Logger is told, once and then at most once a minute, if Template fails on
	// a stop although it did not in [NewPage]. Default: none.
	Logger *zap.Logger
}

// accent is the colour of the built-in page.
const accent = "#b3261e"

// PageData is what the template of a page gets.
type PageData struct {
	*Stop                    // as {{.Ref}}, {{.Status}}, {{.Client}}, {{.Decision.Reason}}
	Lang        string       // language of Title and Detail, such as "en"
	Dir         string       // direction of its script, "ltr" or "rtl"
	Title       string       // what the matter is, in two or three words
	Detail      string       // the same in a sentence
	Contact     string       // URL that leads to the operator; empty if there is none
	ContactText string       // what to show of it
	Style       template.CSS // style sheet of the built-in page
}

// A Page is an [http.Handler] that answers stopped requests, each with the
// Status of the [Stop] in its context, or with 403 if there is none. It reads
// nothing of the request but its method and what the client accepts, and says
// nothing of the decision but its kind: the reason is in the log, under the
// same reference.
//
// The built-in page is rendered once for each language and kind of stop, when the
// first client needs it, and kept: share a Page between all that look the same.
type Page struct {
	html   *template.Template // the operator's, or the built-in one
	own    bool               // it is the operator's
	title  string             // for banned clients; empty: that of the language
	look   *page.Look
	policy string // Content-Security-Policy
	log    *zap.Logger
	failed sampler // of errors of html

	prepared map[*page.Words]*[kinds]prepared
	buffers  sync.Pool // of *[]byte
}

//go:embed page.html
var pageHTML string

var builtin = template.Must(template.New("page").Parse(pageHTML))

// NewPage returns a page. It tries a template on samples, one of them almost
// empty, so that one that cannot be parsed or executed is refused here, with its
// name and line, and not when the first client is stopped.
func NewPage(cfg PageConfig) (*Page, error) {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	look, err := page.NewLook(page.Theme{Contact: cfg.Contact, Accent: cfg.Accent, FrameAncestors: cfg.FrameAncestors}, accent)
	if err != nil {
		return nil, fmt.Errorf("making page: %w", err)
	}
	p := &Page{html: builtin, title: cfg.Title, look: look, log: cfg.Logger, failed: newSampler()}
	style := page.Hash(look.Style)
	if cfg.Template != "" {
		style = "'unsafe-inline'" // no request data gets into it unescaped
		if err := p.setTemplate(cfg); err != nil {
			return nil, err
		}
	}
	p.policy = "default-src 'none'; style-src " + style +
		"; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors " + look.Frames
	p.prepared = make(map[*page.Words]*[kinds]prepared)
	for _, w := range page.Languages() {
		p.prepared[w] = new([kinds]prepared)
	}
	p.buffers.New = func() any { return new([]byte) }
	return p, nil
}

// setTemplate gives p the operator's template, once it has been tried.
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

// sampleStops returns stops that differ in what a template may trip over.
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

// bareStop replaces the Stop that a context does not have: the caller meant to stop the
// request.
func bareStop() *Stop {
	return &Stop{Status: http.StatusForbidden, Ref: newRef(), Time: time.Now()}
}

// ServeHTTP answers r in the form that suits its client: an HTML page to who
// navigates a browser, in the language that it asks for, application/problem+json
// (RFC 9457) to scripts, plain text to all others, both in English. HEAD gets the
// same without the body. The body of r is not read, and what others have put into
// the answer's header is left alone.
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
	a := page.Answer{Status: s.Status, Policy: p.policy, Referrer: "no-referrer"}
	f := page.Negotiate(r.Header)
	if f == page.HTML {
		words := page.WordsFor(r.Header.Get("Accept-Language"))
		buffer := p.buffers.Get().(*[]byte)
		defer p.buffers.Put(buffer) // writers do not keep what they are given
		body, err := p.appendHTML((*buffer)[:0], s, words)
		if err == nil {
			*buffer = body
			a.ContentType, a.Lang, a.Body = page.TypeHTML, words.Lang, body
			a.Send(w, r)
			return
		}
		// The stop stands whatever happens to the page.
		if p.failed.due() {
			p.log.Error("template of page failed, plain text sent", zap.String("ref", s.Ref), zap.Error(err))
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
