package middleware

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the built-in page
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

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

	// Logger is told, once and then at most once a minute, if Template fails on
	// a stop although it did not in [NewPage]. Default: none.
	Logger *zap.Logger
}

// PageData is what the template of a page gets.
type PageData struct {
	*Stop         // as {{.Ref}}, {{.Status}}, {{.Client}}, {{.Decision.Reason}}
	Title  string // what the matter is, in two or three words
	Detail string // the same in a sentence
}

// A Page is an [http.Handler] that answers stopped requests, each with the
// Status of the [Stop] in its context, or with 403 if there is none. It reads
// nothing of the request but its method and what the client accepts, and says
// nothing of the decision but its kind: the reason is in the log, under the
// same reference.
type Page struct {
	html   *template.Template
	policy string // Content-Security-Policy of the HTML
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
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	html, err := template.New(cfg.Name).Parse(cfg.Template)
	if err != nil {
		return nil, fmt.Errorf("parsing template of page: %w", err)
	}
	p := &Page{html: html, log: cfg.Logger, failed: newSampler()}
	style := "'unsafe-inline'" // the operator's own page: no request data gets into it unescaped
	for _, s := range sampleStops() {
		body, err := p.execute(s)
		if err != nil {
			return nil, fmt.Errorf("trying template of page: %w", err)
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return nil, fmt.Errorf("trying template of page: %s renders nothing for status %d", cfg.Name, s.Status)
		}
		if builtin {
			style = styleHash(body)
		}
	}
	p.policy = "default-src 'none'; style-src " + style +
		"; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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

// styleHash returns the source expression that lets the style sheet in body
// through a Content-Security-Policy, and nothing else.
func styleHash(body []byte) string {
	_, style, _ := strings.Cut(string(body), "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
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
	body, contentType := p.render(negotiate(r.Header), s)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "private, no-store") // and so there is nothing to say by Vary
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Referrer-Policy", "no-referrer")
	if s.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(ceil(s.RetryAfter, time.Second)))
	}
	w.WriteHeader(s.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone, and nobody else would care
	}
}

// render returns the answer in form f and its content type.
func (p *Page) render(f form, s *Stop) (body []byte, contentType string) {
	switch f {
	case formHTML:
		body, err := p.execute(s)
		if err == nil {
			return body, "text/html; charset=utf-8"
		}
		// The stop stands whatever happens to the page.
		if p.failed.due() {
			p.log.Error("template of page failed, plain text sent", zap.String("ref", s.Ref), zap.Error(err))
		}
	case formProblem:
		if body, err := problem(s); err == nil {
			return body, "application/problem+json"
		}
	}
	return plain(s), "text/plain; charset=utf-8"
}

func (p *Page) execute(s *Stop) ([]byte, error) {
	var b bytes.Buffer
	err := p.html.Execute(&b, describe(s))
	return b.Bytes(), err
}
