package middleware

import (
	_ "embed" // for the built-in page
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/tocsin-project/tocsin/internal/page"
	"github.com/tocsin-project/tocsin/lookup"
	"go.uber.org/zap"
)

// PageConfig describes a page. The zero PageConfig is the built-in one.
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

	// Title is the heading for clients that are banned. Default: "Access
	// denied".
	Title string

	// Contact is where who is stopped by mistake can turn to: an http or https
	// URL, or a mail address with or without "mailto:". The reference stands in
	// the subject of the mail, or where the URL has {ref}. Default: nowhere.
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
type Page struct {
	html   *template.Template
	title  string // for who is banned
	look   *page.Look
	policy string // Content-Security-Policy
	log    *zap.Logger
	failed sampler // of errors of html
}

//go:embed page.html
var pageHTML string

// NewPage returns a page. It tries the template on samples, one of them almost
// empty, so that one that cannot be parsed or executed is refused here, with its
// name and line, and not when the first client is stopped.
func NewPage(cfg PageConfig) (*Page, error) {
	builtin := cfg.Template == ""
	if builtin {
		cfg.Template = pageHTML
	}
	if cfg.Name == "" {
		cfg.Name = "page"
	}
	if cfg.Title == "" {
		cfg.Title = "Access denied"
	}
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	look, err := page.NewLook(page.Theme{Contact: cfg.Contact, Accent: cfg.Accent, FrameAncestors: cfg.FrameAncestors}, accent)
	if err != nil {
		return nil, fmt.Errorf("making page: %w", err)
	}
	html, err := template.New(cfg.Name).Parse(cfg.Template)
	if err != nil {
		return nil, fmt.Errorf("parsing template of page: %w", err)
	}
	p := &Page{html: html, title: cfg.Title, look: look, log: cfg.Logger, failed: newSampler()}
	style := "'unsafe-inline'" // the operator's own page: no request data gets into it unescaped
	for _, s := range sampleStops() {
		body, err := page.Execute(p.html, p.describe(s))
		if err != nil {
			return nil, fmt.Errorf("trying template of page for status %d: %w", s.Status, err)
		}
		if builtin {
			style = page.Hash(body)
		}
	}
	p.policy = "default-src 'none'; style-src " + style +
		"; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors " + look.Frames
	return p, nil
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

// bareStop stands in where a context carries no Stop: somebody meant to stop
// the request, or it would not have come here.
func bareStop() *Stop {
	return &Stop{Status: http.StatusForbidden, Ref: newRef(), Time: time.Now()}
}

// ServeHTTP answers r in the form that suits its client: an HTML page to who
// navigates a browser, application/problem+json (RFC 9457) to scripts, plain
// text to all others. HEAD gets the same without the body. The body of r is not
// read, and what others have put into the answer's header is left alone.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := FromContext(r.Context())
	if !ok {
		s = bareStop()
	}
	body, contentType := p.render(page.Negotiate(r.Header), s)
	if s.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(page.Ceil(s.RetryAfter, time.Second)))
	}
	page.Answer{
		Status: s.Status, ContentType: contentType, Policy: p.policy, Referrer: "no-referrer", Body: body,
	}.Send(w, r)
}

// render returns the answer in form f and its content type.
func (p *Page) render(f page.Form, s *Stop) (body []byte, contentType string) {
	d := p.describe(s)
	switch f {
	case page.HTML:
		body, err := page.Execute(p.html, d)
		if err == nil {
			return body, page.TypeHTML
		}
		// The stop stands whatever happens to the page.
		if p.failed.due() {
			p.log.Error("template of page failed, plain text sent", zap.String("ref", s.Ref), zap.Error(err))
		}
	case page.ProblemJSON:
		return problem(d), page.TypeProblem
	}
	return plain(d), page.TypeText
}
